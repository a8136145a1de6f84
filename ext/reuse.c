// SPDX-License-Identifier: GPL-2.0-only
//
// reuse.c - an inode number that was given to another inode, and a directory that
// was renamed, when nobody told: names that cannot be any more.
#include <limits.h>
#include <string.h>

#include "reconcile.h"
#include "session.h"

bool reuse_is_another(const struct traits *known, const struct traits *now)
{
	return known && ((known->mode ^ now->mode) & S_IFMT ||
			 traits_differ(known, now) & 1u << TRAIT_GENERATION);
}

// The table's own name moves while the table changes.
static void lose(const struct reuse *reuse, const struct fim_id *dir, struct bytes name,
		 const struct fim_id *child)
{
	char copy[NAME_MAX + 1];

	reuse->lost(reuse->context, dir,
		    bytes_of(memcpy(copy, name.data, name.length), name.length), child);
}

static bool lose_a_name(const struct reuse *reuse, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(reuse->inodes, id);
	struct fim_id dir;
	struct bytes name;

	while (inode_table_next_name(reuse->inodes, &cursor, &dir, &name)) {
		if (reuse->keeps && reuse->keeps(reuse->context, &dir, name))
			continue;
		lose(reuse, &dir, name, id);
		return true;
	}
	return false;
}

void reuse_names(const struct reuse *reuse, const struct fim_id *id)
{
	while (lose_a_name(reuse, id))
		;
}

static bool lose_a_child(const struct reuse *reuse, const struct fim_id *dir)
{
	struct inode_cursor cursor = inode_table_children(reuse->inodes, dir);
	struct fim_id child;
	struct bytes name;

	if (!inode_table_next_child(reuse->inodes, &cursor, &child, &name))
		return false;
	lose(reuse, dir, name, &child);
	return true;
}

// A directory has one name, so only the first can be met again: where lost renames
// have left the names in a circle.
static void add_directories(const struct reuse *reuse, struct ids *dirs, const struct fim_id *dir)
{
	struct inode_cursor cursor = inode_table_children(reuse->inodes, dir);
	struct fim_id child;
	struct bytes name;
	uint32_t flags;

	while (inode_table_next_child(reuse->inodes, &cursor, &child, &name))
		if (inode_table_known(reuse->inodes, &child, &flags) && flags & INODE_DIR &&
		    !same_id(&child, &dirs->id[0]))
			ids_add(dirs, &child);
}

// From the lowest up, so that each still has a path.
void reuse_children(const struct reuse *reuse, const struct fim_id *id)
{
	struct ids dirs = {0};

	ids_add(&dirs, id);
	for (size_t i = 0; i < dirs.count; i++) {
		const struct fim_id dir = dirs.id[i]; // the list may move

		add_directories(reuse, &dirs, &dir);
	}
	for (size_t i = dirs.count; i-- > 0;)
		while (lose_a_child(reuse, &dirs.id[i]))
			;
	ids_reset(&dirs);
}

void reuse_all(const struct reuse *reuse, const struct fim_id *id)
{
	uint32_t flags;

	reuse_children(reuse, id);
	reuse_names(reuse, id);
	if (inode_table_known(reuse->inodes, id, &flags) &&
	    (flags & INODE_FALLEN || !(flags & INODE_ROOT)))
		inode_table_forget(reuse->inodes, id);
}
