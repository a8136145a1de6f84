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

/* Make room, whatever there is; buffer_room() asks first. */
void buffer_grow(struct buffer *buffer, size_t length);

/* Where `length` more bytes may be written, before buffer_used() says how many
 * were; NULL after an error. A record has some hundred parts: these are inline
 * since the calls were most of its cost (tests/bench/rendering.c). */
static inline char *buffer_room(struct buffer *buffer, size_t length)
{
	if (buffer->room - buffer->length < length && !buffer->error)
		buffer_grow(buffer, length);
	return buffer->error ? NULL : buffer->data + buffer->length;
}

static inline void buffer_used(struct buffer *buffer, const char *end)
{
	buffer->length = (size_t)(end - buffer->data);
}

static inline void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
	char *at = length ? buffer_room(buffer, length) : NULL;

	if (!at)
		return;
	memcpy(at, data, length);
	buffer->length += length;
}

static inline void buffer_add_byte(struct buffer *buffer, char byte)
{
	buffer_add(buffer, &byte, 1);
}

static inline void buffer_add_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

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
