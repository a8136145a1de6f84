/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mount_path.c - what the mount table is asked: from a path within a
 * superblock to paths of the namespace.
 */
#include "mount_table.h"

#include <stdlib.h>

#include "front.h"

size_t mount_table_of_dev(const struct mount_table *table, uint32_t dev)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		count += table->mounts[i].dev == dev;
	return count;
}

const struct mount *mount_table_same(const struct mount_table *table,
				     const struct mount *mount, size_t *hint)
{
	for (size_t i = 0; i < table->count; i++) {
		size_t at = (*hint + i) % table->count;
		const struct mount *other = &table->mounts[at];

		if (other->id == mount->id && other->dev == mount->dev &&
		    bytes_equal(other->root, mount->root)) {
			*hint = at + 1;
			return other;
		}
	}
	return NULL;
}

bool path_is_below(struct bytes path, struct bytes top)
{
	if (path.length < top.length || top.length == 0 ||
	    memcmp(path.data, top.data, top.length) != 0)
		return false;
	return path.length == top.length || path.data[top.length] == '/' ||
	       top.data[top.length - 1] == '/';
}

/* Where resolution starts: the mount at "/" that is on nothing we know. */
static const struct mount *first_mount(const struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->mounts[i];
		bool on_another = false;

		if (!bytes_equal(mount->point, bytes_of("/", 1)))
			continue;
		for (size_t j = 0; j < table->count; j++)
			on_another |= j != i &&
				      table->mounts[j].id == mount->parent;
		if (!on_another)
			return mount;
	}
	return NULL;
}

/* The mount that is met first on the way from `mount` to `path`: of those on
 * it the one with the shortest mount point; of equals, the last put there. */
static const struct mount *next_mount(const struct mount_table *table,
				      const struct mount *mount,
				      struct bytes path)
{
	const struct mount *found = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount *other = &table->mounts[i];

		if (other != mount && other->parent == mount->id &&
		    path_is_below(path, other->point) &&
		    (!found || other->point.length <= found->point.length))
			found = other;
	}
	return found;
}

const struct mount *mount_table_at(const struct mount_table *table,
				   struct bytes path)
{
	const struct mount *mount = first_mount(table), *next = mount;

	/* The count is a bound: a text that lies could go in a circle. */
	for (size_t i = 0; next && i < table->count; i++) {
		mount = next;
		next = next_mount(table, mount, path);
	}
	return mount;
}

const struct mount *mount_table_on(const struct mount_table *table,
				   struct bytes path)
{
	const struct mount key = {.point = path}, *at = &key;

	if (!bsearch(&at, table->by_point, table->count, sizeof(at),
		     mount_compare_points))
		return NULL;
	at = mount_table_at(table, path); /* it may be covered, or below one that is */
	return at && bytes_equal(at->point, path) ? at : NULL;
}

static int path_through(const struct mount *mount, struct bytes inside,
			char *buffer, size_t size, struct bytes *ret)
{
	size_t skip = mount->root.length > 1 ? mount->root.length : 0;
	struct bytes rest = {inside.data + skip, inside.length - skip};
	struct front front;

	if (rest.length == 1)
		rest.length = 0; /* "/": the mount point itself */
	front_init(&front, buffer, size);
	front_put(&front, rest);
	if (mount->point.length > 1 || rest.length == 0)
		front_put(&front, mount->point);
	return front_text(&front, ret);
}

static const struct mount *mount_of_id(const struct mount_table *table,
				       uint32_t id)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->mounts[i].id == id)
			return &table->mounts[i];
	return NULL;
}

const struct mount *mount_table_covering(const struct mount_table *table,
					 uint32_t dev, struct bytes inside, char *buffer, size_t size)
{
	const struct mount *found = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->mounts[i];
		const struct mount *under = mount_of_id(table, mount->parent);
		struct bytes point;

		if (under && under->dev == dev &&
		    path_is_below(inside, under->root) &&
		    path_through(under, inside, buffer, size, &point) == 0 &&
		    bytes_equal(point, mount->point))
			found = mount;
	}
	return found;
}

/* Whether the path through `mount` leads there, or another mount is in front. */
static int leads_there(const struct mount_table *table,
		       const struct mount *mount, struct bytes inside,
		       char *buffer, size_t size)
{
	struct bytes path;
	int r = path_through(mount, inside, buffer, size, &path);

	return r < 0 ? r : mount_table_at(table, path) == mount;
}

int mount_table_path(const struct mount_table *table, uint32_t dev,
		     struct bytes inside, char *buffer, size_t size,
		     struct bytes *ret)
{
	const struct mount *best = NULL;
	int count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->mounts[i];
		int r;

		if (mount->dev != dev || !path_is_below(inside, mount->root))
			continue;
		r = leads_there(table, mount, inside, buffer, size);
		if (r < 0)
			return r;
		count += r;
		if (r && (!best || mount->root.length > best->root.length))
			best = mount;
	}
	if (best)
		path_through(best, inside, buffer, size, ret);
	return count;
}
