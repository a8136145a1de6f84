/* SPDX-License-Identifier: GPL-2.0-only */
#include "json.h"

#include <inttypes.h>

#include "calendar.h"
#include "utf8.h"

#define SECOND 1000000000

/* A comma is due behind a value: behind anything but an opening, a key or the
 * start of a line. */
static bool comma_is_due(const struct buffer *out)
{
	char last = out->length ? out->data[out->length - 1] : '\n';

	return last != ':' && last != '{' && last != '[' && last != '\n';
}

static void separate(struct buffer *out)
{
	if (comma_is_due(out))
		buffer_add_byte(out, ',');
}

/* The same, and room for `length` bytes behind it; NULL after an error. */
static char *begin_value(struct buffer *out, size_t length)
{
	char *at = buffer_room(out, length + 1);

	if (at && comma_is_due(out))
		*at++ = ',';
	return at;
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
	size_t length = strlen(key);
	char *at = begin_value(out, length + 3);

	if (!at)
		return;
	*at++ = '"';
	memcpy(at, key, length);
	memcpy(at + length, "\":", 2);
	buffer_used(out, at + length + 2);
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

/* Whether eight bytes pass: none below 0x20, none above 0x7e, no quote, no
 * backslash. A borrow can only come from a byte that does not pass. */
static bool eight_pass(const char *data)
{
	const uint64_t ones = 0x0101010101010101, high = ones << 7;
	uint64_t word, quote, slash;

	memcpy(&word, data, sizeof(word));
	quote = word ^ ones * '"';
	slash = word ^ ones * '\\';
	return !((word | (word + ones) | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & high);
}

/* How many bytes at the start need no look: nearly all of nearly all texts. */
static size_t plain_run(struct bytes text)
{
	size_t length = 0;

	while (text.length - length >= 8 && eight_pass(text.data + length))
		length += 8;
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

static void add_plain_text(struct buffer *out, struct bytes text)
{
	char *at = begin_value(out, text.length + 2);

	if (!at)
		return;
	*at++ = '"';
	if (text.length)
		memcpy(at, text.data, text.length);
	at[text.length] = '"';
	buffer_used(out, at + text.length + 1);
}

void json_text(struct buffer *out, struct bytes text)
{
	if (!text.data) {
		json_null(out);
		return;
	}
	if (plain_run(text) == text.length) {
		add_plain_text(out, text);
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

void json_time(struct buffer *out, int64_t sec, uint32_t nsec)
{
	static const int64_t year_0 = -62167219200, year_10000 = 253402300800;
	char *at;

	if (sec >= year_0 && sec < year_10000)
		sec += nsec / SECOND;
	if (sec < year_0 || sec >= year_10000) {
		json_null(out);
		return;
	}
	at = begin_value(out, CALENDAR_TEXT + 3);
	if (!at)
		return;
	*at++ = '"';
	calendar_text(sec, nsec % SECOND, at);
	memcpy(at + CALENDAR_TEXT, "Z\"", 2);
	buffer_used(out, at + CALENDAR_TEXT + 2);
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
