/* SPDX-License-Identifier: GPL-2.0-only */
#include "mount_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "front.h"

/* The next word of a line, up to a space; `.data` NULL at its end. */
static struct bytes next_word(struct bytes *line)
{
	const char *space = memchr(line->data, ' ', line->length);
	size_t length = space ? (size_t)(space - line->data) : line->length;
	struct bytes word = {line->length ? line->data : NULL, length};

	line->data += length + (space != NULL);
	line->length -= length + (space != NULL);
	return word;
}

static bool is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' &&
	       at[2] >= '0' && at[2] <= '7';
}

/* \040 and the like, in place: the kernel escapes space, tab, newline, # and
 * the backslash itself. A NUL comes behind, in place of the separator. */
static struct bytes unescape(char *text, size_t length)
{
	size_t to = 0;

	for (size_t from = 0; from < length; from++, to++) {
		const char *at = text + from;

		text[to] = *at;
		if (*at != '\\' || length - from < 4 || !is_octal(at + 1))
			continue;
		text[to] = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				  (at[3] - '0'));
		from += 3;
	}
	text[to] = '\0';
	return bytes_of(text, to);
}

static bool parse_number(struct bytes word, uint32_t *ret)
{
	uint64_t value = 0;

	if (word.length == 0 || word.length > 10)
		return false;
	for (size_t i = 0; i < word.length; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word.data[i] - '0');
	}
	*ret = (uint32_t)value;
	return value <= UINT32_MAX;
}

static bool parse_dev(struct bytes word, uint32_t *ret)
{
	const char *colon = word.length ? memchr(word.data, ':', word.length)
					: NULL;
	size_t length = colon ? (size_t)(colon - word.data) : 0;
	uint32_t major, minor;

	if (!colon || !parse_number(bytes_of(word.data, length), &major) ||
	    !parse_number(bytes_of(colon + 1, word.length - length - 1),
			  &minor) ||
	    major > 0xfff || minor > 0xfffff)
		return false;
	*ret = major << 20 | minor;
	return true;
}

/* Behind the options come any number of optional words, ended by "-". */
static bool skip_optional(struct bytes *line)
{
	struct bytes word;

	do
		word = next_word(line);
	while (word.data && !bytes_equal(word, bytes_of("-", 1)));
	return word.data != NULL;
}

/* 36 35 98:0 /root /point options optional... - type source options */
static bool parse_line(struct bytes line, char *text, struct mount *ret)
{
	struct bytes *texts[] = {&ret->root, &ret->point, &ret->options,
				 &ret->type, &ret->source, &ret->super};

	if (!parse_number(next_word(&line), &ret->id) ||
	    !parse_number(next_word(&line), &ret->parent) ||
	    !parse_dev(next_word(&line), &ret->dev))
		return false;
	ret->root = next_word(&line);
	ret->point = next_word(&line);
	ret->options = next_word(&line);
	if (!skip_optional(&line))
		return false;
	ret->type = next_word(&line);
	ret->source = next_word(&line);
	ret->super = next_word(&line);
	if (!ret->source.data || ret->root.data[0] != '/' ||
	    ret->point.data[0] != '/')
		return false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i]->data)
			*texts[i] = unescape(text + (texts[i]->data - text),
					     texts[i]->length);
	ret->kind = mount_kind_of(ret->type);
	return true;
}

static size_t count_lines(struct bytes text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.length; i++)
		lines += text.data[i] == '\n';
	return lines;
}

static void parse(struct mount_table *table, size_t length)
{
	char *at = table->text, *end = at + length;

	while (at < end) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((newline ? newline : end) - at);

		if (parse_line(bytes_of(at, line), table->text,
			       &table->mounts[table->count]))
			table->count++;
		else
			table->malformed++;
		at += line + 1;
	}
}

int mount_compare_points(const void *a, const void *b)
{
	struct bytes x = (*(const struct mount *const *)a)->point;
	struct bytes y = (*(const struct mount *const *)b)->point;
	int order = memcmp(x.data, y.data, x.length < y.length ? x.length : y.length);

	return order ? order : (x.length > y.length) - (x.length < y.length);
}

static void sort(struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		table->by_point[i] = &table->mounts[i];
	qsort(table->by_point, table->count, sizeof(*table->by_point),
	      mount_compare_points);
}

int mount_table_init_text(struct mount_table *table, struct bytes text)
{
	*table = (struct mount_table){0};
	table->text = malloc(text.length + 1);
	table->mounts = calloc(count_lines(text), sizeof(*table->mounts));
	table->by_point = calloc(count_lines(text), sizeof(*table->by_point));
	if (!table->text || !table->mounts || !table->by_point) {
		mount_table_deinit(table);
		return -ENOMEM;
	}
	if (text.length)
		memcpy(table->text, text.data, text.length);
	parse(table, text.length);
	sort(table);
	return 0;
}

static int read_all(const char *path, struct buffer *ret)
{
	FILE *file = fopen(path, "re");
	char part[4096];
	size_t length;
	int r = 0;

	if (!file)
		return -errno;
	while ((length = fread(part, 1, sizeof(part), file)) > 0)
		buffer_add(ret, part, length);
	if (ferror(file))
		r = errno ? -errno : -EIO;
	fclose(file);
	return r < 0 ? r : ret->error;
}

int mount_table_init(struct mount_table *table, const char *path)
{
	struct buffer text = {0};
	int r = read_all(path, &text);

	*table = (struct mount_table){0};
	if (r == 0)
		r = mount_table_init_text(table, buffer_bytes(&text));
	buffer_deinit(&text);
	return r;
}

void mount_table_deinit(struct mount_table *table)
{
	free(table->by_point);
	free(table->mounts);
	free(table->text);
	*table = (struct mount_table){0};
}
