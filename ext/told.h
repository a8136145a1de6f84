/* SPDX-License-Identifier: GPL-2.0-only
 *
 * told.h - what a journal says of names after the earlier state was kept (earlier.h),
 * until the monitor was killed: whoever follows the stream believes it.
 */
#ifndef FIM_TOLD_H
#define FIM_TOLD_H

#include "buffer.h"
#include "traits.h"

/* `traits.mode` 0: the name is gone. */
struct told {
	struct traits traits;
	size_t length; /* of the path behind it */
};

/* One more. -ENOMEM */
int told_add(struct buffer *all, struct bytes path, const struct traits *traits);

/* The next; start with *at 0. `path` lies in the buffer. */
bool told_next(const struct buffer *all, size_t *at, struct told *ret, struct bytes *path);

#endif
