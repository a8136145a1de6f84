/* SPDX-License-Identifier: GPL-2.0-only
 *
 * exclude.h - names that are not wanted, as shell patterns.
 *
 * A pattern without a slash is compared with the last name of a path, one with
 * a slash with the whole path; `*` matches slashes, too.
 */
#ifndef FIM_EXCLUDE_H
#define FIM_EXCLUDE_H

#include "bytes.h"

struct exclude {
	char **patterns;
	size_t count;
};

/* -ENOMEM */
int exclude_add(struct exclude *exclude, const char *pattern);
void exclude_deinit(struct exclude *exclude);

/* Whether a pattern matches this path. */
bool exclude_matches(const struct exclude *exclude, struct bytes path);

/* Whether one matches it, or a directory above it. */
bool exclude_covers(const struct exclude *exclude, struct bytes path);

#endif
