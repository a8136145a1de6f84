/* SPDX-License-Identifier: GPL-2.0-only
 *
 * bytes.h - some bytes that live elsewhere: not terminated, not owned.
 *
 * `data` NULL means that there is no such text; that is not the empty text.
 */
#ifndef FIM_BYTES_H
#define FIM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
	const char *data;
	size_t length;
};

static inline struct bytes bytes_of(const char *data, size_t length)
{
	return (struct bytes){data, length};
}

static inline struct bytes bytes_of_string(const char *string)
{
	return (struct bytes){string, string ? strlen(string) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.length == b.length &&
	       (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

#endif
