/* SPDX-License-Identifier: GPL-2.0-only
 *
 * xattr.h - extended attributes as facts: ACLs, label and capabilities by their
 * own names, the others together, sorted.
 */
#ifndef FIM_XATTR_H
#define FIM_XATTR_H

#include "buffer.h"

struct xattr_room; /* for names and values of one inode */

struct xattr_room *xattr_room_new(void);
void xattr_room_free(struct xattr_room *room);

/* Of the open `fd`, or if that is -1 of `path`, whose last link is not followed.
 * -errno; a file system without them is none. */
int xattr_add(struct xattr_room *room, int fd, const char *path, struct buffer *out);

#endif
