/* SPDX-License-Identifier: GPL-2.0-only */
#include "buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_ROOM 1024u

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

static void grow(struct buffer *buffer, size_t length)
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

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
	if (!buffer->error && buffer->room - buffer->length < length)
		grow(buffer, length);
	if (buffer->error || length == 0)
		return;
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
}

void buffer_add_byte(struct buffer *buffer, char byte)
{
	buffer_add(buffer, &byte, 1);
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

void buffer_add_number(struct buffer *buffer, uint64_t value, unsigned base,
		       unsigned width)
{
	char digits[32]; /* 22 octal digits are the most */
	unsigned start = sizeof(digits);

	do {
		digits[--start] = (char)('0' + value % base);
		value /= base;
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
