/* SPDX-License-Identifier: GPL-2.0-only */
#include "json.h"

#include <inttypes.h>
#include <time.h>

#include "utf8.h"

#define SECOND 1000000000

/* A comma is due behind a value: behind anything but an opening, a key or the
 * start of a line. */
static void separate(struct buffer *out)
{
	char last = out->length ? out->data[out->length - 1] : '\n';

	if (!strchr("{[:\n", last))
		buffer_add_byte(out, ',');
}

void json_begin_object(struct buffer *out)
{
	separate(out);
	buffer_add_byte(out, '{');
}

void json_end_object(struct buffer *out)
{
	buffer_add_byte(out, '}');
}

void json_begin_array(struct buffer *out)
{
	separate(out);
	buffer_add_byte(out, '[');
}

void json_end_array(struct buffer *out)
{
	buffer_add_byte(out, ']');
}

void json_end_line(struct buffer *out)
{
	buffer_add_byte(out, '\n');
}

void json_key(struct buffer *out, const char *key)
{
	separate(out);
	buffer_add_byte(out, '"');
	buffer_add_string(out, key);
	buffer_add(out, "\":", 2);
}

void json_raw(struct buffer *out, struct bytes json)
{
	separate(out);
	if (json.length)
		buffer_add(out, json.data, json.length);
	else
		buffer_add(out, "null", 4);
}

void json_null(struct buffer *out)
{
	json_raw(out, bytes_of(NULL, 0));
}

void json_bool(struct buffer *out, bool value)
{
	json_raw(out, bytes_of_string(value ? "true" : "false"));
}

void json_unsigned(struct buffer *out, uint64_t value)
{
	separate(out);
	buffer_add_number(out, value, 10, 1);
}

void json_signed(struct buffer *out, int64_t value)
{
	separate(out);
	buffer_format(out, "%" PRId64, value);
}

static bool passes(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* How many bytes at the start need no look: nearly all of nearly all texts. */
static size_t plain_run(struct bytes text)
{
	size_t length = 0;

	while (length < text.length && passes((unsigned char)text.data[length]))
		length++;
	return length;
}

/* \uNNNN, or two of them (surrogates) beyond the first 65536. */
static void add_escape(struct buffer *out, uint32_t c)
{
	if (c > 0xffff)
		buffer_format(out, "\\u%04x\\u%04x",
			      0xd800 + ((c - 0x10000) >> 10),
			      0xdc00 + ((c - 0x10000) & 0x3ff));
	else
		buffer_format(out, "\\u%04x", c);
}

static size_t add_character(struct buffer *out, struct bytes text)
{
	uint32_t c;
	size_t length = utf8_character(text, &c);

	if (length == 0)
		buffer_format(out, "\\\\x%02x", (unsigned char)text.data[0]);
	else if (c == '"' || c == '\\')
		buffer_format(out, "\\%c", (char)c);
	else if (utf8_acts(c))
		add_escape(out, c);
	else
		buffer_add(out, text.data, length);
	return length ? length : 1;
}

void json_text(struct buffer *out, struct bytes text)
{
	if (!text.data) {
		json_null(out);
		return;
	}
	separate(out);
	buffer_add_byte(out, '"');
	while (text.length) {
		size_t done = plain_run(text);

		if (done)
			buffer_add(out, text.data, done);
		else
			done = add_character(out, text);
		text = bytes_of(text.data + done, text.length - done);
	}
	buffer_add_byte(out, '"');
}

void json_string(struct buffer *out, const char *string)
{
	json_text(out, bytes_of_string(string));
}

void json_number_text(struct buffer *out, uint64_t value)
{
	separate(out);
	buffer_add_byte(out, '"');
	buffer_add_number(out, value, 10, 1);
	buffer_add_byte(out, '"');
}

void json_dev(struct buffer *out, uint32_t dev)
{
	separate(out);
	buffer_add_byte(out, '"');
	buffer_add_number(out, dev >> 20, 10, 1);
	buffer_add_byte(out, ':');
	buffer_add_number(out, dev & 0xfffff, 10, 1);
	buffer_add_byte(out, '"');
}

void json_mode(struct buffer *out, uint32_t mode)
{
	separate(out);
	buffer_add_byte(out, '"');
	buffer_add_number(out, mode & 07777, 8, 4);
	buffer_add_byte(out, '"');
}

/* "2026-11-23T04:05:06." */
static void add_moment(struct buffer *out, const struct tm *tm)
{
	const struct {
		int value;
		unsigned width;
		char behind;
	} parts[] = {
		{tm->tm_year + 1900, 4, '-'}, {tm->tm_mon + 1, 2, '-'},
		{tm->tm_mday, 2, 'T'},        {tm->tm_hour, 2, ':'},
		{tm->tm_min, 2, ':'},         {tm->tm_sec, 2, '.'},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		buffer_add_number(out, (uint64_t)parts[i].value, 10, parts[i].width);
		buffer_add_byte(out, parts[i].behind);
	}
}

void json_time(struct buffer *out, int64_t sec, uint32_t nsec)
{
	static const int64_t year_0 = -62167219200, year_10000 = 253402300800;
	time_t time;
	struct tm tm;

	if (sec >= year_0 && sec < year_10000)
		sec += nsec / SECOND;
	if (sec < year_0 || sec >= year_10000) {
		json_null(out);
		return;
	}
	time = (time_t)sec;
	gmtime_r(&time, &tm);
	separate(out);
	buffer_add_byte(out, '"');
	add_moment(out, &tm);
	buffer_add_number(out, nsec % SECOND, 10, 9);
	buffer_add(out, "Z\"", 2);
}

void json_time_ns(struct buffer *out, int64_t ns)
{
	int64_t sec = ns / SECOND, rest = ns % SECOND;

	if (rest < 0) {
		rest += SECOND;
		sec--;
	}
	json_time(out, sec, (uint32_t)rest);
}

static void add_triple(struct buffer *out, const unsigned char *data,
		       size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = (unsigned)data[0] << 16;
	char text[4];

	if (length > 1)
		bits |= (unsigned)data[1] << 8;
	if (length > 2)
		bits |= data[2];
	for (unsigned i = 0; i < 4; i++)
		text[i] = i > length ? '=' : digits[bits >> (18 - 6 * i) & 63];
	buffer_add(out, text, 4);
}

void json_base64(struct buffer *out, struct bytes data)
{
	const unsigned char *bytes = (const unsigned char *)data.data;

	separate(out);
	buffer_add_byte(out, '"');
	for (size_t i = 0; i < data.length; i += 3)
		add_triple(out, bytes + i, data.length - i);
	buffer_add_byte(out, '"');
}
