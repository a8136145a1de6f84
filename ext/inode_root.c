/* SPDX-License-Identifier: GPL-2.0-only */
#include "inode_root.h"

#include <errno.h>
#include <stdlib.h>

#include "mount_table.h"

// They are in the order of their nodes: where this one is, or would be.
static size_t place_of(const struct inode_table *table, uint32_t node)
{
	size_t low = 0, high = table->root_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->roots[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct inode_root *find(const struct inode_table *table, uint32_t node)
{
	size_t place = place_of(table, node);

	if (place == table->root_count || table->roots[place].node != node)
		return NULL;
	return &table->roots[place];
}

static struct inode_root *add(struct inode_table *table, uint32_t node)
{
	size_t place = place_of(table, node);
	struct inode_root *roots = realloc(
		table->roots, (table->root_count + 1) * sizeof(*roots));

	if (!roots)
		return NULL;
	table->roots = roots;
	memmove(&roots[place + 1], &roots[place], (table->root_count++ - place) * sizeof(*roots));
	roots[place] = (struct inode_root){.node = node};
	table->store.nodes[node].flags |= INODE_ROOT;
	return &roots[place];
}

int inode_root_set(struct inode_table *table, uint32_t node, struct bytes path)
{
	char *copy = malloc(path.length);
	struct inode_root *root = find(table, node);

	if (!root && copy)
		root = add(table, node);
	if (!copy || !root) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, path.data, path.length);
	free(root->path);
	root->path = copy;
	root->length = path.length;
	return 0;
}

void inode_root_drop(struct inode_table *table, uint32_t node)
{
	struct inode_root *root;

	if (!(table->store.nodes[node].flags & INODE_ROOT))
		return;
	table->store.nodes[node].flags &= ~INODE_ROOT;
	root = find(table, node);
	free(root->path);
	memmove(root, root + 1, (char *)&table->roots[table->root_count--] - (char *)(root + 1));
}

void inode_root_drop_all(struct inode_table *table)
{
	for (size_t i = 0; i < table->root_count; i++)
		free(table->roots[i].path);
	free(table->roots);
	table->roots = NULL;
	table->root_count = 0;
}

static int move(struct inode_root *root, size_t from, struct bytes to)
{
	size_t rest = root->length - from;
	char *path = malloc(to.length + rest);

	if (!path)
		return -ENOMEM;
	memcpy(path, to.data, to.length);
	memcpy(path + to.length, root->path + from, rest);
	free(root->path);
	root->path = path;
	root->length = to.length + rest;
	return 0;
}

int inode_root_move(struct inode_table *table, struct bytes from, struct bytes to)
{
	int moved = 0;

	for (size_t i = 0; i < table->root_count; i++) {
		struct inode_root *root = &table->roots[i];

		if (!path_is_below(bytes_of(root->path, root->length), from))
			continue;
		if (move(root, from.length, to) < 0)
			return -ENOMEM;
		moved++;
	}
	return moved;
}

struct bytes inode_root_path(const struct inode_table *table, uint32_t node)
{
	const struct inode_root *root = find(table, node);

	return bytes_of(root->path, root->length);
}
