// SPDX-License-Identifier: GPL-2.0-only
//
// earlier_last.c - after a crash: what a journal said last of each name, and what is there.
#include <sys/stat.h>

#include "earlier_parts.h"
#include "session_parts.h"

static bool was_kept(const struct earlier *e, struct bytes path)
{
	struct fim_id then;

	return inode_table_at(&e->table, path, &then);
}

// What was kept says the same: compared by itself. At a stop the last is kept before the
// journal has written its records.
static bool is_as_kept(struct earlier *e, const struct told *told, struct bytes path,
		       const struct fim_id *now)
{
	struct fim_id then, expected;
	struct traits_of kept;

	if (!inode_table_at(&e->table, path, &then))
		return false;
	expected = earlier_now(e, &then);
	kept = earlier_known(&e->table, &then);
	return same_id(&expected, now) && !traits_differ(&told->traits, &kept.traits);
}

static void tell_children(struct earlier *e, const struct fim_id *dir, struct ids *dirs)
{
	struct inode_table *inodes = &e->session->inodes;
	struct inode_cursor cursor = inode_table_children(inodes, dir);
	struct bytes name, path;
	struct traits_of is;
	struct fim_id child;

	while (inode_table_next_child(inodes, &cursor, &child, &name)) {
		is = earlier_known(inodes, &child);
		path = earlier_path(e, inodes, dir, name);
		if (!is.traits.mode || !earlier_wanted(e, path) || session_is_own(e->session, &child))
			continue;
		finding_new(e->session->reconcile, &e->gap, path, 0, &is, &is);
		// The first is met again where lost renames have left the names in a circle.
		if (S_ISDIR(is.traits.mode) && !same_id(&child, &dirs->id[0]) &&
		    ids_add(dirs, &child) < 0)
			e->session->counts[SESSION_NO_MEMORY]++;
	}
}

void earlier_below(struct earlier *e, const struct fim_id *top)
{
	struct ids dirs = {0};

	if (ids_add(&dirs, top) < 0)
		e->session->counts[SESSION_NO_MEMORY]++;
	for (size_t i = 0; i < dirs.count; i++) {
		const struct fim_id dir = dirs.id[i]; // the list may move

		tell_children(e, &dir, &dirs);
	}
	ids_reset(&dirs);
}

// Nor would anything else say that what is in it is there again.
static void tell_again(struct earlier *e, struct bytes path, const struct traits_of *is)
{
	finding_new(e->session->reconcile, &e->gap, path, 0, is, is);
	if (S_ISDIR(is->traits.mode))
		earlier_below(e, &is->id);
}

static void compare_there(struct earlier *e, const struct told *told, struct bytes path,
			  const struct fim_id *now)
{
	struct traits_of was = {*now, told->traits}, is = earlier_known(&e->session->inodes, now);
	uint32_t which = traits_differ(&was.traits, &is.traits);

	if (session_is_own(e->session, now) || !is.traits.mode)
		return;
	if (!told->traits.mode && was_kept(e, path)) // else it is found new by its directory
		tell_again(e, path, &is);
	else if (told->traits.mode && which && !is_as_kept(e, told, path, now))
		finding_changed(e->session->reconcile, &e->gap, path, which, &was, &is);
}

// The last word of a name. What was kept of it, and is not there, has been told to be lost.
static void compare_told(struct earlier *e, const struct told *told, struct bytes path)
{
	struct fim_id now;

	if (!earlier_wanted(e, path))
		return;
	if (inode_table_at(&e->session->inodes, path, &now))
		compare_there(e, told, path, &now);
	else if (told->traits.mode && !was_kept(e, path))
		earlier_lost(e, path);
}

int earlier_last_words(struct earlier *e)
{
	struct bytes path;
	struct told told;
	size_t at = 0;
	int error = 0;

	while (error == 0 && told_next(&e->told, &at, &told, &path)) {
		compare_told(e, &told, path);
		error = earlier_drain(e);
	}
	return error;
}
