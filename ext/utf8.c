/* SPDX-License-Identifier: GPL-2.0-only */
#include "utf8.h"

/* By the first byte: how many follow, and the bits it gives. */
static int follow_of(unsigned char first, uint32_t *ret)
{
	if (first < 0x80) {
		*ret = first;
		return 0;
	}
	if (first >= 0xc2 && first <= 0xdf) {
		*ret = first & 0x1fu;
		return 1;
	}
	if (first >= 0xe0 && first <= 0xef) {
		*ret = first & 0x0fu;
		return 2;
	}
	*ret = first & 0x07u;
	return first >= 0xf0 && first <= 0xf4 ? 3 : -1;
}

static bool is_character(uint32_t c, int follow)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	return c >= least[follow] && c <= 0x10ffff &&
	       !(c >= 0xd800 && c <= 0xdfff);
}

size_t utf8_character(struct bytes text, uint32_t *ret)
{
	uint32_t c;
	int follow;

	if (text.length == 0)
		return 0;
	follow = follow_of((unsigned char)text.data[0], &c);
	if (follow < 0 || text.length <= (size_t)follow)
		return 0;
	for (int i = 1; i <= follow; i++) {
		unsigned char next = (unsigned char)text.data[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (next & 0x3fu);
	}
	if (!is_character(c, follow))
		return 0;
	*ret = c;
	return (size_t)follow + 1;
}

/* How many bytes at the start are ASCII, in eights. */
static size_t ascii_run(struct bytes text)
{
	size_t length = 0;
	uint64_t word;

	for (; text.length - length >= sizeof(word); length += sizeof(word)) {
		memcpy(&word, text.data + length, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	return length;
}

bool utf8_valid(struct bytes text)
{
	size_t ascii = ascii_run(text);
	uint32_t c;

	if (ascii) // no arithmetic on a text that there is not
		text = bytes_of(text.data + ascii, text.length - ascii);
	while (text.length) {
		size_t length = utf8_character(text, &c);

		if (!length)
			return false;
		text = bytes_of(text.data + length, text.length - length);
	}
	return true;
}

struct range {
	uint32_t first, last;
};

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

bool utf8_acts(uint32_t c)
{
	static const struct range ranges[] = {
		{0x0000, 0x001f},   {0x007f, 0x009f}, {0x00ad, 0x00ad},
		{0x061c, 0x061c},   {0x180e, 0x180e}, {0x200b, 0x200f},
		{0x2028, 0x202e},   {0x2060, 0x206f}, {0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},   {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
	};

	return is_in(c, ranges, sizeof(ranges) / sizeof(*ranges));
}

bool utf8_blank(uint32_t c)
{
	static const struct range ranges[] = {
		{0x0020, 0x0020}, {0x00a0, 0x00a0}, {0x1680, 0x1680},
		{0x2000, 0x200a}, {0x202f, 0x202f}, {0x205f, 0x205f},
		{0x3000, 0x3000},
	};

	return is_in(c, ranges, sizeof(ranges) / sizeof(*ranges));
}

size_t utf8_columns(struct bytes text)
{
	size_t columns = 0;

	for (size_t i = 0; i < text.length; i++)
		columns += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return columns;
}
