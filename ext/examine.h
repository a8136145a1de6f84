/* SPDX-License-Identifier: GPL-2.0-only
 *
 * examine.h - the facts of one name: what stat, readlink, the extended
 * attributes, the file flags and the content say.
 */
#ifndef FIM_EXAMINE_H
#define FIM_EXAMINE_H

#include <stdbool.h>

#include "buffer.h"
#include "content.h"

/* What all threads share. */
struct examine_options {
	const struct digest_kind *kind;
	bool quick; /* the head alone: nothing is opened */
	struct content_pace pace;
};

struct examiner; /* one for each thread: its buffers */

struct examiner *examiner_new(struct examine_options *options);
void examiner_free(struct examiner *examiner);

#define EXAMINE_MOVING 0x10000 /* no errno */

/* What is known of a name before it is looked at. */
enum examine_hint {
	EXAMINE_ANYTHING,
	EXAMINE_REGULAR, /* its directory calls it a regular file: open it first */
	EXAMINE_SHUT,    /* a directory that must not be opened (an automount point) */
};

/* The facts of `name` in the open directory `at` (or AT_FDCWD), no link
 * followed, into `out`. -ENOENT: it is gone, -errno: there are no facts. Above 0 they
 * lack what could not be read (errno), or are of no one moment of a file that
 * moves (EXAMINE_MOVING), and say so. */
int examine(struct examiner *examiner, int at, const char *name, enum examine_hint hint,
	    struct buffer *out);

/* The digest of the first `size` bytes. */
int examine_prefix(struct examiner *examiner, const char *path, uint64_t size,
		   unsigned char *ret, size_t *ret_length);

/* Open for reading without leaving a trace, waiting or following. -errno */
int examine_open(int at, const char *name, int flags);

#endif
