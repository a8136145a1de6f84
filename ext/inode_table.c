/* SPDX-License-Identifier: GPL-2.0-only */
#include "inode_table.h"

#include <errno.h>

#include "inode_root.h"

int inode_table_init(struct inode_table *table, uint32_t limit,
		     const void *seed)
{
	memset(table, 0, sizeof(*table));
	return inode_store_init(&table->store, limit, seed);
}

void inode_table_deinit(struct inode_table *table)
{
	inode_root_drop_all(table);
	inode_store_deinit(&table->store);
}

static int refuse(struct inode_table *table, int error)
{
	table->refused++;
	return error;
}

static int node_of(struct inode_table *table, const struct fim_id *id,
		   uint32_t *ret)
{
	*ret = inode_store_node(&table->store, id);
	return *ret ? 0 : inode_store_add_node(&table->store, id, ret);
}

static void drop_names(struct inode_store *store, uint32_t n)
{
	while (store->nodes[n].first_name)
		inode_store_remove_link(store, store->nodes[n].first_name);
}

static void drop_children(struct inode_store *store, uint32_t n)
{
	while (store->nodes[n].first_child)
		inode_store_remove_link(store, store->nodes[n].first_child);
}

int inode_table_add(struct inode_table *table, const struct fim_id *id,
		    uint32_t flags)
{
	uint32_t n;
	int r = node_of(table, id, &n);

	if (r < 0)
		return refuse(table, r);
	table->store.nodes[n].flags |= flags & ~INODE_FLAGS_OF_TABLE;
	return 0;
}

static bool can_be_a_name(struct bytes name)
{
	return name.length > 0 && name.length <= 255 &&
	       !memchr(name.data, '/', name.length) &&
	       !memchr(name.data, '\0', name.length);
}

/* What it is told to be now, it is: an inode number can be used again. */
static void become(struct inode_store *store, uint32_t n, bool is_dir)
{
	struct inode_node *node = &store->nodes[n];

	if (is_dir == ((node->flags & INODE_DIR) != 0))
		return;
	node->flags ^= INODE_DIR;
	if (!is_dir)
		drop_children(store, n);
}

static int enter_name(struct inode_store *store, uint32_t dir,
		      struct bytes name, uint32_t child, bool is_dir)
{
	uint32_t link = inode_store_link(store, dir, name);

	become(store, child, is_dir);
	store->nodes[dir].flags |= INODE_DIR;
	if (link && store->links[link].child == child)
		return 0;
	if (link)
		inode_store_remove_link(store, link);
	if (is_dir)
		drop_names(store, child);
	return inode_store_add_link(store, dir, name, child, &link);
}

int inode_table_add_name(struct inode_table *table, const struct fim_id *dir,
			 struct bytes name, const struct fim_id *child,
			 bool is_dir)
{
	char copy[255]; /* the name may be one of ours, and ours can move */
	uint32_t dir_node, child_node = 0;
	int r;

	if (!can_be_a_name(name) ||
	    (dir->ino == child->ino && dir->dev == child->dev &&
	     dir->over == child->over))
		return -EINVAL;
	memcpy(copy, name.data, name.length);
	name.data = copy;
	r = node_of(table, dir, &dir_node);
	if (r == 0)
		r = node_of(table, child, &child_node);
	if (r == 0)
		r = enter_name(&table->store, dir_node, name, child_node,
			       is_dir);
	return r < 0 ? refuse(table, r) : 0;
}

/* The number of a name, 0 when there is none. */
static uint32_t link_of(const struct inode_store *store,
			const struct fim_id *dir, struct bytes name)
{
	uint32_t n = inode_store_node(store, dir);

	return n ? inode_store_link(store, n, name) : 0;
}

bool inode_table_remove_name(struct inode_table *table,
			     const struct fim_id *dir, struct bytes name,
			     const struct fim_id *child)
{
	struct inode_store *store = &table->store;
	uint32_t link = link_of(store, dir, name);

	if (!link ||
	    store->links[link].child != inode_store_node(store, child))
		return false;
	inode_store_remove_link(store, link);
	return true;
}

int inode_table_rekey(struct inode_table *table, const struct fim_id *id,
		      const struct fim_id *as)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (!n)
		return -ENOENT;
	if (inode_store_node(&table->store, as))
		return -EEXIST;
	inode_store_rekey(&table->store, n, as);
	return 0;
}

int inode_table_set_root(struct inode_table *table, const struct fim_id *id,
			 struct bytes path, uint32_t flags)
{
	uint32_t n;
	int r;

	if (path.length == 0 || path.data[0] != '/')
		return -EINVAL;
	r = node_of(table, id, &n);
	if (r == 0)
		r = inode_root_set(table, n, path);
	if (r < 0)
		return refuse(table, r);
	table->store.nodes[n].flags |= flags & ~INODE_FLAGS_OF_TABLE;
	return 0;
}

int inode_table_move_roots(struct inode_table *table, struct bytes from, struct bytes to)
{
	return inode_root_move(table, from, to);
}

void inode_table_unset_root(struct inode_table *table, const struct fim_id *id)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (n)
		inode_root_drop(table, n);
}

int inode_table_set_flags(struct inode_table *table, const struct fim_id *id,
			  uint32_t set, uint32_t clear)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (!n)
		return -ENOENT;
	table->store.nodes[n].flags &= ~(clear & ~INODE_FLAGS_OF_TABLE);
	table->store.nodes[n].flags |= set & ~INODE_FLAGS_OF_TABLE;
	return 0;
}

int inode_table_set_traits(struct inode_table *table, const struct fim_id *id,
			   const struct traits *traits)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (!n)
		return -ENOENT;
	table->store.nodes[n].traits = *traits;
	return 0;
}

bool inode_table_forget(struct inode_table *table, const struct fim_id *id)
{
	uint32_t n = inode_store_node(&table->store, id);

	if (!n)
		return false;
	drop_names(&table->store, n);
	drop_children(&table->store, n);
	inode_root_drop(table, n);
	inode_store_remove_node(&table->store, n);
	return true;
}

/* Take away the names in a directory.  A child left without any is doomed: put
 * on the list that starts at `*doomed` and goes on in first_name, which a node
 * without a name does not need.  So no depth of a tree needs a stack. */
static void doom_children(struct inode_store *store, uint32_t dir,
			  uint32_t *doomed)
{
	uint32_t link;

	while ((link = store->nodes[dir].first_child)) {
		uint32_t child = store->links[link].child;
		struct inode_node *node = &store->nodes[child];

		inode_store_remove_link(store, link);
		if (node->first_name || node->flags & INODE_ROOT)
			continue;
		node->first_name = *doomed;
		*doomed = child;
	}
}

size_t inode_table_forget_tree(struct inode_table *table,
			       const struct fim_id *id, inode_dropped *dropped,
			       void *context)
{
	struct inode_store *store = &table->store;
	uint32_t doomed = inode_store_node(store, id), n;
	size_t count = 0;

	if (doomed) {
		drop_names(store, doomed);
		inode_root_drop(table, doomed);
	}
	for (; (n = doomed); count++) {
		struct fim_id dead = inode_store_id(store, n);
		uint32_t flags = store->nodes[n].flags;

		doomed = store->nodes[n].first_name;
		store->nodes[n].first_name = 0;
		doom_children(store, n, &doomed);
		inode_store_remove_node(store, n);
		if (dropped)
			dropped(context, &dead, flags);
	}
	return count;
}
