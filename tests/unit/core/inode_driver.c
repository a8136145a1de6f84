/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_driver.c - the inode table, driven: a frame is {verb, flag, dir, child}
 * and a name or path; the answer is JSON.
 */
#include "frame.h"
#include "inode_table.h"
#include "json.h"

struct request {
	uint8_t verb;
	uint8_t flag;
	uint16_t size; /* of the buffer for a path */
	uint32_t dir;  /* 26 bits inode, 2 overlay, 4 device: as are the ids */
	uint32_t child;
};

static struct fim_id id_of(uint32_t number)
{
	return (struct fim_id){
		.ino = number & 0x3ffffff,
		.dev = number >> 28,
		.over = number >> 26 & 3,
	};
}

static uint32_t number_of(const struct fim_id *id)
{
	return id->dev << 28 | id->over << 26 | (uint32_t)id->ino;
}

static void put_dropped(void *context, const struct fim_id *id, uint32_t flags)
{
	(void)flags;
	json_unsigned(context, number_of(id));
}

static void put_path(int r, struct bytes path, struct buffer *out)
{
	if (r < 0)
		json_signed(out, r);
	else
		json_text(out, path);
}

static void path(const struct inode_table *table, const struct request *q,
		 struct bytes tail, struct buffer *out)
{
	struct fim_id id = id_of(q->dir);
	char *buffer = malloc(q->size ? q->size : 1);
	struct bytes found;
	int r = tail.length ? inode_table_path_in(table, &id, tail, buffer,
						  q->size, &found)
			    : inode_table_path(table, &id, buffer, q->size,
					       &found);

	put_path(r, found, out);
	free(buffer);
}

static void names(const struct inode_table *table, const struct fim_id *id,
		  struct buffer *out)
{
	struct inode_cursor cursor = inode_table_names(table, id);
	struct fim_id other;
	struct bytes name;

	json_begin_array(out);
	json_unsigned(out, inode_table_name_count(table, id));
	while (inode_table_next_name(table, &cursor, &other, &name)) {
		json_begin_array(out);
		json_unsigned(out, number_of(&other));
		json_text(out, name);
		json_end_array(out);
	}
	json_end_array(out);
}

static void children(const struct inode_table *table, const struct fim_id *id,
		     struct buffer *out)
{
	struct inode_cursor cursor = inode_table_children(table, id);
	struct fim_id other;
	struct bytes name;

	json_begin_array(out);
	while (inode_table_next_child(table, &cursor, &other, &name)) {
		json_begin_array(out);
		json_unsigned(out, number_of(&other));
		json_text(out, name);
		json_end_array(out);
	}
	json_end_array(out);
}

static void all(const struct inode_table *table, struct buffer *out)
{
	struct inode_cursor cursor = {0};
	struct fim_id id;
	uint32_t flags;

	json_begin_array(out);
	json_unsigned(out, table->refused);
	json_unsigned(out, table->store.texts.used -
				   table->store.texts.garbage);
	while (inode_table_next(table, &cursor, &id, &flags)) {
		json_begin_array(out);
		json_unsigned(out, number_of(&id));
		json_unsigned(out, flags);
		json_end_array(out);
	}
	json_end_array(out);
}

static void find(const struct inode_table *table, const struct fim_id *dir,
		 struct bytes name, struct buffer *out)
{
	struct fim_id id;

	if (inode_table_find(table, dir, name, &id))
		json_unsigned(out, number_of(&id));
	else
		json_null(out);
}

/* The name is given from the table's own memory, which adding may move. */
static void add_again(struct inode_table *table, const struct fim_id *from,
		      const struct fim_id *dir, struct buffer *out)
{
	struct inode_cursor cursor = inode_table_names(table, from);
	struct fim_id old;
	struct bytes name;

	if (inode_table_next_name(table, &cursor, &old, &name))
		json_signed(out, inode_table_add_name(table, dir, name, from,
						      false));
	else
		json_null(out);
}

/* The two paths have a NUL between them. */
static int move_roots(struct inode_table *table, struct bytes paths)
{
	struct bytes from = bytes_of(paths.data, strnlen(paths.data, paths.length));
	size_t length = from.length + 1;

	return inode_table_move_roots(table, from, bytes_of(paths.data + length,
							    paths.length - length));
}

static void change(struct inode_table *table, const struct request *q,
		   struct bytes name, struct buffer *out)
{
	struct fim_id dir = id_of(q->dir), child = id_of(q->child);

	switch (q->verb) {
	case 'a':
		json_signed(out, inode_table_add_name(table, &dir, name, &child,
						      q->flag));
		return;
	case 'r':
		json_bool(out, inode_table_remove_name(table, &dir, name,
						       &child));
		return;
	case 'i':
		json_signed(out, inode_table_add(table, &dir, q->child));
		return;
	case 's':
		json_signed(out, inode_table_set_root(table, &dir, name, 0));
		return;
	case 'm':
		json_signed(out, move_roots(table, name));
		return;
	case 'u':
		inode_table_unset_root(table, &dir);
		json_null(out);
		return;
	case 'f':
		json_bool(out, inode_table_forget(table, &dir));
		return;
	case 't':
		json_begin_array(out);
		inode_table_forget_tree(table, &dir, put_dropped, out);
		json_end_array(out);
		return;
	case 'g':
		add_again(table, &child, &dir, out);
		return;
	case 'k':
		json_signed(out, inode_table_rekey(table, &dir, &child));
		return;
	case 'F':
		json_signed(out, inode_table_set_flags(table, &dir, q->child,
						       ~q->child));
		return;
	}
	abort();
}

static bool ask(struct inode_table *table, const struct request *q,
		struct bytes name, struct buffer *out)
{
	struct fim_id dir = id_of(q->dir);

	switch (q->verb) {
	case 'p':
		path(table, q, name, out);
		return true;
	case 'n':
		names(table, &dir, out);
		return true;
	case 'c':
		children(table, &dir, out);
		return true;
	case 'l':
		all(table, out);
		return true;
	case 'd':
		find(table, &dir, name, out);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct inode_table table;
	struct bytes frame;

	if (inode_table_init(&table,
			     (uint32_t)strtoul(argc > 1 ? argv[1] : "1000",
					       NULL, 10),
			     "sixteen bytes ok") < 0)
		return 1;
	while (frame_read(&frame)) {
		struct buffer out = {0};
		struct request q;
		struct bytes name = {frame.data + sizeof(q),
				     frame.length - sizeof(q)};

		memcpy(&q, frame.data, sizeof(q));
		if (!ask(&table, &q, name, &out))
			change(&table, &q, name, &out);
		frame_write(out.data, out.length);
		buffer_deinit(&out);
		free((char *)frame.data);
	}
	inode_table_deinit(&table);
	return 0;
}
