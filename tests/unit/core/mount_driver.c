/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mount_driver.c - mountinfo text, a NUL, and "dev path\n" questions in; out
 * the rows as JSON, and for each question the count, the path, the mount that
 * holds `path` as a path of the namespace, and the one mounted on it.
 */
#include "frame.h"
#include "json.h"
#include "mount_table.h"

static void put_rows(const struct mount_table *table, struct buffer *out)
{
	json_key(out, "rows");
	json_begin_array(out);
	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->mounts[i];

		json_begin_array(out);
		json_unsigned(out, mount->id);
		json_unsigned(out, mount->parent);
		json_dev(out, mount->dev);
		json_string(out, mount_kind_word(mount->kind));
		json_text(out, mount->root);
		json_text(out, mount->point);
		json_text(out, mount->type);
		json_text(out, mount->source);
		json_text(out, mount->options);
		json_text(out, mount->super);
		json_end_array(out);
	}
	json_end_array(out);
}

static void ask(const struct mount_table *table, uint32_t dev,
		struct bytes path, struct buffer *out)
{
	const struct mount *at = mount_table_at(table, path);
	const struct mount *on = mount_table_on(table, path);
	struct bytes found = {NULL, 0};
	char buffer[256];
	int r = mount_table_path(table, dev, path, buffer, sizeof(buffer),
				 &found);

	json_begin_array(out);
	json_signed(out, r);
	json_text(out, found);
	if (at)
		json_unsigned(out, at->id);
	else
		json_null(out);
	json_unsigned(out, mount_table_of_dev(table, dev));
	if (on)
		json_unsigned(out, on->id);
	else
		json_null(out);
	at = mount_table_covering(table, dev, path, buffer, sizeof(buffer));
	if (at)
		json_unsigned(out, at->id);
	else
		json_null(out);
	json_end_array(out);
}

static void ask_all(const struct mount_table *table, struct bytes lines,
		    struct buffer *out)
{
	json_key(out, "answers");
	json_begin_array(out);
	while (lines.length) {
		const char *end = memchr(lines.data, '\n', lines.length);
		size_t length = end ? (size_t)(end - lines.data) : lines.length;
		char *path;
		unsigned long dev = strtoul(lines.data, &path, 10);
		size_t skip = (size_t)(path - lines.data) + 1;

		ask(table, (uint32_t)dev,
		    bytes_of(lines.data + skip, length - skip), out);
		lines.data += length + (end != NULL);
		lines.length -= length + (end != NULL);
	}
	json_end_array(out);
}

static void answer(struct bytes request, struct buffer *out)
{
	const char *end = memchr(request.data, '\0', request.length);
	size_t length = end ? (size_t)(end - request.data) : request.length;
	struct mount_table table;

	if (mount_table_init_text(&table, bytes_of(request.data, length)) < 0)
		abort();
	json_begin_object(out);
	json_key(out, "malformed");
	json_unsigned(out, table.malformed);
	put_rows(&table, out);
	if (end)
		ask_all(&table,
			bytes_of(end + 1, request.length - length - 1), out);
	json_end_object(out);
	mount_table_deinit(&table);
}

static void answer_own(struct buffer *out)
{
	struct mount_table table;
	int r = mount_table_init(&table, "/proc/self/mountinfo");

	json_begin_object(out);
	json_key(out, "result");
	json_signed(out, r);
	json_key(out, "malformed");
	json_unsigned(out, table.malformed);
	put_rows(&table, out);
	json_end_object(out);
	mount_table_deinit(&table);
}

int main(void)
{
	struct bytes request;

	while (frame_read(&request)) {
		struct buffer out = {0};

		if (request.length)
			answer(request, &out);
		else
			answer_own(&out);
		frame_write(out.data, out.length);
		buffer_deinit(&out);
		free((char *)request.data);
	}
	return 0;
}
