// SPDX-License-Identifier: GPL-2.0-only
//
// earlier_last.c - after a crash: what a journal said last of each name, and what is there.
#include "earlier_parts.h"

#include <string.h>

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

// The directory and the last component of a path.
static bool name_at(const struct inode_table *table, struct bytes path, struct fim_id *dir,
		    struct bytes *leaf)
{
	const char *slash = memrchr(path.data, '/', path.length);

	if (!slash)
		return false;
	*leaf = bytes_of(slash + 1, path.data + path.length - slash - 1);
	return inode_table_at(table, bytes_of(path.data, slash - path.data), dir);
}

// Whether its directory, wherever that was, had the name already: it is not found new by that.
static bool had_name(const struct earlier *e, struct bytes path)
{
	struct fim_id dir, found;
	struct bytes leaf;

	if (!name_at(&e->session->inodes, path, &dir, &leaf))
		return was_kept(e, path);
	dir = earlier_then(e, &dir);
	return inode_table_find(&e->table, &dir, leaf, &found);
}

static void tell_new(struct earlier *e, struct bytes path, const struct fim_id *now)
{
	struct traits_of is = earlier_known(&e->session->inodes, now);

	if (is.traits.mode && !session_is_own(e->session, now) && earlier_wanted(e, path))
		finding_new(e->session->reconcile, &e->gap, path, 0, &is, &is);
}

// A start that was killed had told that it is missing, and not yet where its directory is now.
static void compare_gone(struct earlier *e, struct bytes path)
{
	const struct inode_table *inodes = &e->session->inodes;
	struct fim_id dir, found;
	struct bytes leaf;

	if (!name_at(&e->table, path, &dir, &leaf))
		return;
	dir = earlier_now(e, &dir);
	if (inode_table_find(inodes, &dir, leaf, &found))
		tell_new(e, earlier_path(e, inodes, &dir, leaf), &found);
}

static void compare_there(struct earlier *e, const struct told *told, struct bytes path,
			  const struct fim_id *now)
{
	struct traits_of was = {*now, told->traits}, is = earlier_known(&e->session->inodes, now);
	uint32_t which = traits_differ(&was.traits, &is.traits);

	if (session_is_own(e->session, now) || !is.traits.mode)
		return;
	if (!told->traits.mode && had_name(e, path))
		tell_new(e, path, now);
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
	else if (!told->traits.mode)
		compare_gone(e, path);
	else if (!was_kept(e, path))
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
