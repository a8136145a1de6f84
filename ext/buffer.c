/* SPDX-License-Identifier: GPL-2.0-only */
#include "buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_ROOM 128u /* a survey has tens of thousands, most of them short */

void buffer_init(struct buffer *buffer)
{
	*buffer = (struct buffer){0};
}

void buffer_deinit(struct buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer);
}

void buffer_reset(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->error = 0;
}

void buffer_grow(struct buffer *buffer, size_t length)
{
	size_t room = buffer->room ? buffer->room : FIRST_ROOM;
	char *data;

	while (room - buffer->length < length && room <= SIZE_MAX / 2)
		room *= 2;
	data = room - buffer->length < length ? NULL
					      : realloc(buffer->data, room);
	if (!data) {
		buffer->error = -ENOMEM;
		return;
	}
	buffer->data = data;
	buffer->room = room;
}

void buffer_add_number(struct buffer *buffer, uint64_t value, unsigned base,
		       unsigned width)
{
	char digits[32]; /* 22 octal digits are the most */
	unsigned start = sizeof(digits);

	// With the bases written out, no division by a variable.
	do {
		digits[--start] = (char)('0' + (base == 8 ? value % 8 : value % 10));
		value = base == 8 ? value / 8 : value / 10;
	} while (value);
	while (sizeof(digits) - start < width && start > 0)
		digits[--start] = '0';
	buffer_add(buffer, digits + start, sizeof(digits) - start);
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
	char text[128];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(text))
		length = sizeof(text) - 1;
	if (length > 0)
		buffer_add(buffer, text, (size_t)length);
}
