/* SPDX-License-Identifier: GPL-2.0-only */
#include "terminal.h"

#include "utf8.h"

static void put_character(struct bytes *text, char quote, struct buffer *out)
{
	uint32_t c = 0;
	size_t length = utf8_character(*text, &c);
	bool shown = length && !utf8_acts(c) && !(quote && c == (uint32_t)quote);
	size_t done = length ? length : 1;

	if (shown)
		buffer_add(out, text->data, done);
	for (size_t i = 0; !shown && i < done; i++)
		buffer_format(out, "\\x%02x", (unsigned char)text->data[i]);
	*text = bytes_of(text->data + done, text->length - done);
}

static bool needs_quotes(struct bytes text)
{
	uint32_t c = 0;
	bool blank = text.length == 0;

	while (text.length && !blank) {
		size_t length = utf8_character(text, &c);
		size_t done = length ? length : 1;

		blank = length && utf8_blank(c);
		text = bytes_of(text.data + done, text.length - done);
	}
	return blank;
}

bool terminal_cut(struct bytes text, size_t columns, struct buffer *out)
{
	bool quoted = needs_quotes(text);
	size_t start = out->length;

	if (quoted)
		buffer_add_byte(out, '"');
	while (text.length && !out->error && out->length - start < columns)
		put_character(&text, quoted ? '"' : 0, out);
	if (quoted)
		buffer_add_byte(out, '"');
	return text.length == 0;
}

void terminal_text(struct bytes text, struct buffer *out)
{
	terminal_cut(text, SIZE_MAX, out);
}

void terminal_escape(struct bytes text, struct buffer *out)
{
	while (text.length && !out->error)
		put_character(&text, 0, out);
}

void terminal_pad(struct buffer *out, size_t start, size_t columns)
{
	size_t shown;

	if (out->error)
		return;
	shown = utf8_columns(bytes_of(out->data + start, out->length - start));
	for (; shown < columns; shown++)
		buffer_add_byte(out, ' ');
	buffer_add(out, "  ", 2);
}
