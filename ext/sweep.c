// SPDX-License-Identifier: GPL-2.0-only
//
// sweep.c - the passes that serve a gap. Each step is short; false: the pass is over.
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bpf_map.h"
#include "reconcile.h"
#include "session_parts.h"

/* get_next_key begins again where its key was removed meanwhile. */
#define KEYS_AGAIN 2
#define KEYS_MORE 65536
/* So many directories that are renamed while they are looked for are read at last. */
#define FOUND_AGAIN 4096

static void keep(struct reconcile *r, struct ids *ids, const struct fim_id *id)
{
	if (ids_add(ids, id) < 0)
		r->numbers.undecided++;
}

bool sweep_key(const struct reconcile *r, const struct fim_id *id, struct fim_watched *ret)
{
	const struct fim_id key = scan_key(id);

	return bpf_map_lookup(session_newest(r->session)->maps.watched, &key, ret) == 0;
}

bool sweep_is_stamped(const struct reconcile *r, const struct fim_id *id)
{
	struct fim_watched value;

	return r->whole || !sweep_key(r, id, &value) || value.stamp >= r->since;
}

static void check(struct reconcile *r, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&r->session->inodes, id);
	struct fim_id dir;
	struct bytes name;

	r->numbers.checked++;
	if (look_at_inode(r, id))
		return;
	while (inode_table_next_name(&r->session->inodes, &cursor, &dir, &name))
		sweep_directory(r, &dir);
	keep(r, &r->again, id);
}

static bool step_known(struct reconcile *r)
{
	struct fim_id id;
	uint32_t flags;

	if (!inode_table_next(&r->session->inodes, &r->cursor, &id, &flags))
		return false;
	if (flags & INODE_OUTSIDE || !sweep_is_stamped(r, &id))
		return true;
	if (r->whole) // there before the inode is looked at
		restore_key(r, &id, flags);
	if (session_is_own(r->session, &id))
		return true; // what others do there is told as it is done
	if (flags & INODE_DIR)
		sweep_directory(r, &id);
	if (!(flags & INODE_NAMES_ONLY) && !r->rescan)
		check(r, &id);
	return true;
}

// Behind those that are known by names: one of them may be above another root.
static bool step_others(struct reconcile *r)
{
	if (r->whole)
		restore_others(r);
	return false;
}

void sweep_directory(struct reconcile *r, const struct fim_id *dir)
{
	uint32_t flags;

	if (!inode_table_known(&r->session->inodes, dir, &flags) ||
	    flags & (INODE_SWEPT | INODE_OUTSIDE))
		return;
	inode_table_set_flags(&r->session->inodes, dir, INODE_SWEPT, 0);
	keep(r, &r->dirs, dir);
}

static bool is_next(const struct ids *ids, const struct fim_id *id)
{
	return ids->next < ids->count && same_id(&ids->id[ids->count - 1], id);
}

void sweep_directory_again(struct reconcile *r, const struct fim_id *dir)
{
	if (is_next(&r->dirs, dir))
		return; // by each of its names
	inode_table_set_flags(&r->session->inodes, dir, INODE_SWEPT, 0);
	keep(r, &r->dirs, dir);
	if (r->phase > SWEEP_DIRS)
		r->phase = SWEEP_DIRS;
}

static void sweep_parents(struct reconcile *r, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&r->session->inodes, id);
	struct fim_id dir;
	struct bytes name;

	while (inode_table_next_name(&r->session->inodes, &cursor, &dir, &name))
		sweep_directory(r, &dir);
}

// Directories that were not where they had been may be known by another name now.
static bool try_lost_again(struct reconcile *r)
{
	struct ids lost = r->lost;
	const struct fim_id *id;

	if (!lost.count || r->verdicts == r->found_before)
		return false;
	r->found_before = r->verdicts;
	r->lost = (struct ids){0};
	while ((id = ids_next(&lost)))
		keep(r, &r->dirs, id);
	ids_reset(&lost);
	return true;
}

static bool step_dirs(struct reconcile *r)
{
	const struct fim_id *dir;
	struct fim_id id;

	if (r->reading.stream) {
		reread_step(r);
		return true;
	}
	dir = ids_next(&r->dirs);
	if (!dir)
		return try_lost_again(r);
	id = *dir;
	if (!inode_table_known(&r->session->inodes, &id, NULL) || reread_begin(r, &id))
		return true;
	sweep_parents(r, &id);
	keep(r, &r->lost, &id);
	return true;
}

// A name in a directory that is nowhere. What else it leads to is in reach of others.
static bool lose_child(struct reconcile *r, const struct fim_id *dir)
{
	struct inode_cursor cursor = inode_table_children(&r->session->inodes, dir);
	char copy[NAME_MAX + 1];
	struct fim_id child;
	struct bytes name;
	uint32_t flags;

	if (!inode_table_next_child(&r->session->inodes, &cursor, &child, &name))
		return false;
	name = bytes_of(memcpy(copy, name.data, name.length), name.length);
	verdict_missing(r, dir, name, &child);
	if (inode_table_known(&r->session->inodes, &child, &flags) && flags & INODE_DIR)
		keep(r, &r->lost, &child);
	return true;
}

// Whether it is gone: not where something else has come to its place, such as a
// mount, or was put in the place of a root.
static bool is_gone(struct reconcile *r, const struct fim_id *id)
{
	struct bytes path;
	struct stat st;
	uint32_t flags = 0;

	inode_table_known(&r->session->inodes, id, &flags);
	if (flags & INODE_FALLEN || inode_table_name_count(&r->session->inodes, id) > 0)
		return flags & INODE_FALLEN;
	path = look_path(r, id, bytes_of(NULL, 0));
	return !path.data || (lstat(path.data, &st) < 0 && errno == ENOENT);
}

// It was renamed, and the record is on its way: what is in it this sweep does not learn.
void sweep_read_later(struct reconcile *r, const struct fim_id *dir)
{
	uint32_t flags = 0;

	r->numbers.undecided++;
	inode_table_known(&r->session->inodes, dir, &flags);
	if (!(flags & INODE_NAMES_ONLY))
		session_unread(r->session, dir);
}

// A record has told where it is.
static void read_after_all(struct reconcile *r, const struct fim_id *dir)
{
	if (r->found_again++ >= FOUND_AGAIN) {
		sweep_read_later(r, dir);
		return;
	}
	keep(r, &r->dirs, dir);
	r->phase = SWEEP_DIRS;
}

static bool step_orphans(struct reconcile *r)
{
	const struct fim_id *next = r->lost.next < r->lost.count ? &r->lost.id[r->lost.next] : NULL;
	struct traits_of found;
	struct fim_id id;

	if (!next)
		return false;
	id = *next;
	if (inode_table_known(&r->session->inodes, &id, NULL)) {
		if (look_find(r, &id, &found))
			read_after_all(r, &id);
		else if (!is_gone(r, &id))
			sweep_read_later(r, &id);
		else if (lose_child(r, &id))
			return true;
	}
	r->lost.next++;
	return true;
}

static bool step_again(struct reconcile *r)
{
	const struct fim_id *next = ids_next(&r->again);
	struct fim_id id;

	if (!next)
		return false;
	id = *next;
	if (inode_table_name_count(&r->session->inodes, &id) > 0 && !look_at_inode(r, &id))
		r->numbers.undecided++;
	return true;
}

// Whether what was done to it can have been in the gap, and it has no name here:
// open and removed, or gone elsewhere.
static bool is_unknown(const struct reconcile *r, const struct fim_id *key)
{
	struct fim_watched value;

	return key->ino && key->dev != FIM_DEVICE &&
	       !inode_table_known(&r->session->inodes, key, NULL) &&
	       !way_other_knows(r->session, key) && sweep_key(r, key, &value) &&
	       value.flags != FIM_WATCH_ABOVE && !(value.flags & FIM_WATCH_CANARY) &&
	       value.stamp >= r->since && value.stamp < r->begun;
}

// From `from` on; false: there are no more.
static bool next_key(struct reconcile *r, const struct fim_id *from)
{
	return bpf_map_next(session_newest(r->session)->maps.watched, from, &r->key) == 0;
}

void sweep_key_goes(struct reconcile *r, const struct fim_id *key)
{
	if (r->phase != SWEEP_KEYS || !r->steps || r->ahead || !same_id(key, &r->key))
		return;
	r->ahead = next_key(r, key);
	r->keys_over = !r->ahead;
}

// The kernel begins again where the key that it was given is gone, and whoever removes
// files removes keys: instead of all keys every directory is read.
static void read_every_directory(struct reconcile *r)
{
	emit_error(r->session, bytes_of_string("reconcile"),
		   "keys were removed faster than they could be read: every directory is read again");
	r->whole = r->rescan = true;
	r->cursor = (struct inode_cursor){0};
	r->phase = SWEEP_KNOWN;
}

static bool step_keys(struct reconcile *r)
{
	if (r->whole || r->keys_over ||
	    (!r->ahead && !next_key(r, r->steps ? &r->key : NULL)))
		return false;
	r->ahead = false;
	if (is_unknown(r, &r->key))
		r->numbers.undecided++;
	if (++r->steps >= KEYS_AGAIN * inode_table_count(&r->session->inodes) + KEYS_MORE)
		read_every_directory(r);
	return true;
}

bool (*const sweep_steps[])(struct reconcile *r) = {
	[SWEEP_KNOWN] = step_known,
	[SWEEP_OTHERS] = step_others,
	[SWEEP_DIRS] = step_dirs,
	[SWEEP_ORPHANS] = step_orphans,
	[SWEEP_AGAIN] = step_again,
	[SWEEP_KEYS] = step_keys,
};
