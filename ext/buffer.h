/* SPDX-License-Identifier: GPL-2.0-only
 *
 * buffer.h - bytes that grow.
 *
 * An error (no memory) sticks: nothing is added any more, and the one who
 * started asks `error` once at the end.  {0} is an empty buffer.
 */
#ifndef FIM_BUFFER_H
#define FIM_BUFFER_H

#include <stdint.h>

#include "bytes.h"

struct buffer {
	char *data; /* `length` bytes count, a NUL is not behind them */
	size_t length;
	size_t room;
	int error; /* 0 or -ENOMEM */
};

void buffer_init(struct buffer *buffer);
void buffer_deinit(struct buffer *buffer);

/* Empty it and clear its error; what it has allocated stays. */
void buffer_reset(struct buffer *buffer);

void buffer_add(struct buffer *buffer, const void *data, size_t length);
void buffer_add_byte(struct buffer *buffer, char byte);
void buffer_add_string(struct buffer *buffer, const char *string);
/* `value` in decimal or octal, with zeroes in front up to `width`. A record has
 * some thirty numbers, and printf is what they would cost most of its time. */
void buffer_add_number(struct buffer *buffer, uint64_t value, unsigned base,
		       unsigned width);
/* Text of up to 127 bytes; a longer one is the caller's mistake, and is cut. */
void buffer_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
	return bytes_of(buffer->data, buffer->length);
}

#endif
