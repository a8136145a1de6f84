/* SPDX-License-Identifier: GPL-2.0-only
 *
 * front.h - text written from the end of a buffer to its front, as paths are
 * found: the leaf first.
 */
#ifndef FIM_FRONT_H
#define FIM_FRONT_H

#include <errno.h>

#include "bytes.h"

struct front {
	char *start;
	char *at;
	char *end; /* of the text: there is its NUL */
	bool full; /* it did not fit; nothing is written any more */
};

static inline void front_put(struct front *front, struct bytes text)
{
	if (front->full || (size_t)(front->at - front->start) < text.length) {
		front->full = true;
		return;
	}
	front->at -= text.length;
	if (text.length)
		memcpy(front->at, text.data, text.length);
}

static inline void front_init(struct front *front, char *buffer, size_t size)
{
	*front = (struct front){buffer, buffer + size, buffer + size, false};
	front_put(front, bytes_of("", 1));
	if (!front->full)
		front->end--;
}

static inline bool front_is_empty(const struct front *front)
{
	return front->at == front->end && !front->full;
}

static inline int front_text(const struct front *front, struct bytes *ret)
{
	if (front->full)
		return -ENAMETOOLONG;
	*ret = bytes_of(front->at, (size_t)(front->end - front->at));
	return 0;
}

#endif
