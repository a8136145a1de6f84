/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_walk.c - what the inode table is asked: paths and iteration.
 */
#include <errno.h>
#include <string.h>

#include "front.h"
#include "inode_root.h"
#include "inode_table.h"
#include "mount_table.h"

/* Deeper than any path that a system call takes: 2 bytes a level. */
#define MAX_DEPTH 2048

uint32_t inode_table_count(const struct inode_table *table)
{
	return table->store.node_count;
}

size_t inode_table_memory(const struct inode_table *table)
{
	size_t size = inode_store_memory(&table->store);

	for (size_t i = 0; i < table->root_count; i++)
		size += sizeof(*table->roots) + table->roots[i].length;
	return size;
}

bool inode_table_known(const struct inode_table *table, const struct fim_id *id,
		       uint32_t *ret)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (n && ret)
		*ret = table->store.nodes[n].flags;
	return n != 0;
}

const struct traits *inode_table_traits(const struct inode_table *table,
					const struct fim_id *id)
{
	uint32_t n = inode_store_node(&table->store, id);

	return n && table->store.nodes[n].traits.mode ? &table->store.nodes[n].traits : NULL;
}

bool inode_table_find(const struct inode_table *table, const struct fim_id *dir,
		      struct bytes name, struct fim_id *ret)
{
	const struct inode_store *store = &table->store;
	uint32_t n = inode_store_node(store, dir);
	uint32_t link = n ? inode_store_link(store, n, name) : 0;

	if (link)
		*ret = inode_store_id(store, store->links[link].child);
	return link != 0;
}

// Down the names of `rest`, from the node *n.
static bool descend(const struct inode_store *store, uint32_t *n, struct bytes rest)
{
	while (rest.length) {
		const char *slash = memchr(rest.data, '/', rest.length);
		struct bytes name = bytes_of(rest.data, slash ? (size_t)(slash - rest.data)
							      : rest.length);
		uint32_t link = name.length ? inode_store_link(store, *n, name) : 0;
		size_t step = name.length + (slash ? 1 : 0);

		if (name.length && !link)
			return false;
		*n = link ? store->links[link].child : *n;
		rest = bytes_of(rest.data + step, rest.length - step);
	}
	return true;
}

bool inode_table_at(const struct inode_table *table, struct bytes path, struct fim_id *ret)
{
	size_t deepest = 0;

	for (size_t i = 0; i < table->root_count; i++) {
		const struct inode_root *root = &table->roots[i];
		uint32_t n = root->node;

		if (root->length < deepest ||
		    !path_is_below(path, bytes_of(root->path, root->length)) ||
		    !descend(&table->store, &n, bytes_of(path.data + root->length,
							 path.length - root->length)))
			continue;
		deepest = root->length;
		*ret = inode_store_id(&table->store, n);
	}
	return deepest != 0;
}

uint32_t inode_table_name_count(const struct inode_table *table,
				const struct fim_id *id)
{
	uint32_t n = inode_store_node(&table->store, id);

	return n ? table->store.nodes[n].names : 0;
}

static void put_component(struct front *front, struct bytes name)
{
	front_put(front, name);
	front_put(front, bytes_of("/", 1));
}

/* Put the path of node `n` before what is there.  What does not fit is told at
 * the end only, since a circle must not be taken for a long path. */
static int climb(const struct inode_table *table, uint32_t n,
		 struct front *front)
{
	const struct inode_store *store = &table->store;
	struct bytes root;

	for (int depth = 0; !(store->nodes[n].flags & INODE_ROOT); depth++) {
		uint32_t link = store->nodes[n].first_name;

		if (!link)
			return -ENOENT;
		if (depth == MAX_DEPTH)
			return -ELOOP;
		put_component(front, inode_store_text(store, link));
		n = store->links[link].dir;
	}
	root = inode_root_path(table, n);
	if (root.length > 1 || front_is_empty(front))
		front_put(front, root);
	return 0;
}

int inode_table_path(const struct inode_table *table, const struct fim_id *id,
		     char *buffer, size_t size, struct bytes *ret)
{
	uint32_t n = inode_store_node(&table->store, id);
	struct front front;
	int r;

	if (!n)
		return -ENOENT;
	front_init(&front, buffer, size);
	r = climb(table, n, &front);
	return r < 0 ? r : front_text(&front, ret);
}

int inode_table_path_in(const struct inode_table *table,
			const struct fim_id *dir, struct bytes tail,
			char *buffer, size_t size, struct bytes *ret)
{
	uint32_t n = inode_store_node(&table->store, dir);
	struct front front;
	int r;

	if (!n)
		return -ENOENT;
	front_init(&front, buffer, size);
	put_component(&front, tail);
	r = climb(table, n, &front);
	return r < 0 ? r : front_text(&front, ret);
}

struct inode_cursor inode_table_names(const struct inode_table *table,
				      const struct fim_id *id)
{
	uint32_t n = inode_store_node(&table->store, id);

	return (struct inode_cursor){n ? table->store.nodes[n].first_name : 0};
}

bool inode_table_next_name(const struct inode_table *table,
			   struct inode_cursor *cursor, struct fim_id *dir,
			   struct bytes *ret)
{
	const struct inode_store *store = &table->store;
	uint32_t link = cursor->next;

	if (!link)
		return false;
	*dir = inode_store_id(store, store->links[link].dir);
	*ret = inode_store_text(store, link);
	cursor->next = store->links[link].next_name;
	return true;
}

struct inode_cursor inode_table_children(const struct inode_table *table,
					 const struct fim_id *dir)
{
	uint32_t n = inode_store_node(&table->store, dir);

	return (struct inode_cursor){n ? table->store.nodes[n].first_child : 0};
}

bool inode_table_next_child(const struct inode_table *table,
			    struct inode_cursor *cursor, struct fim_id *child,
			    struct bytes *ret)
{
	const struct inode_store *store = &table->store;
	uint32_t link = cursor->next;

	if (!link)
		return false;
	*child = inode_store_id(store, store->links[link].child);
	*ret = inode_store_text(store, link);
	cursor->next = store->links[link].next_child;
	return true;
}

bool inode_table_next(const struct inode_table *table,
		      struct inode_cursor *cursor, struct fim_id *id,
		      uint32_t *flags)
{
	const struct inode_store *store = &table->store;

	while (++cursor->next < store->node_end) {
		const struct inode_node *node = &store->nodes[cursor->next];

		if (node->flags & INODE_FREE)
			continue;
		*id = inode_store_id(store, cursor->next);
		if (flags)
			*flags = node->flags;
		return true;
	}
	cursor->next = store->node_end - 1;
	return false;
}
