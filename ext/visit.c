// SPDX-License-Identifier: GPL-2.0-only
#include "visit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "tree.h"

// What is mounted on a watched directory has that path; the name is, and stays,
// that of the directory underneath.
static bool is_mounted(const struct session *session, const struct scan_entry *entry)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, &entry->id, &flags) && flags & INODE_MOUNTED;
}

// A directory that was asked for, and has come back to its path.
static bool is_root_here(struct session *session, const struct scan_entry *entry)
{
	struct bytes path;
	uint32_t flags;

	return inode_table_known(&session->inodes, &entry->id, &flags) && flags & INODE_ROOT &&
	       inode_table_path(&session->inodes, &entry->id, session->text[4], EVENT_PATH_SIZE,
				&path) == 0 && bytes_equal(path, entry->path);
}

static int visit_top(struct visit *visit, const struct scan_entry *entry)
{
	struct session *session = visit->session;

	visit->top = entry->id;
	if (visit->root)
		return inode_table_set_root(&session->inodes, &entry->id,
					    bytes_of_string(visit->root), visit->flags);
	if (is_mounted(session, entry) || is_root_here(session, entry))
		return 0;
	return inode_table_add_name(&session->inodes, visit->dir, visit->name, &entry->id,
				    S_ISDIR(entry->mode));
}

// A larger hash is told again what the smaller one knew.
static uint32_t visit_flags(void *context, const struct fim_id *id)
{
	const struct session *session = ((struct visit *)context)->session;
	uint32_t known;

	return inode_table_known(&session->inodes, id, &known) &&
	       known & (INODE_OPEN_BEFORE | INODE_MAPPED_BEFORE) ? FIM_WATCH_OPEN_BEFORE : 0;
}

static uint32_t visit_spots(void *context, struct bytes path)
{
	return spots_at(&((struct visit *)context)->session->spots, path);
}

// It may have been watched for some names until now, or known for one by the path
// that it had outside.
static void watched_wholly(const struct visit *visit, const struct scan_entry *entry)
{
	struct inode_table *inodes = &visit->session->inodes;
	uint32_t flags = 0;

	inode_table_known(inodes, &entry->id, &flags);
	if (flags & INODE_OUTSIDE && (entry->dir || !visit->root))
		inode_table_unset_root(inodes, &entry->id);
	inode_table_set_flags(inodes, &entry->id, 0, INODE_NAMES_ONLY | INODE_OUTSIDE);
}

static int visit_name(struct session *session, const struct scan_entry *entry)
{
	struct traits_of is = {.id = entry->id};

	traits_of_stat(entry->st, entry->generation, &is.traits);
	observe_named(session, entry->dir, entry->name, &is);
	return inode_table_add_name(&session->inodes, entry->dir, entry->name, &entry->id,
				    S_ISDIR(entry->mode));
}

static bool is_untold(const struct session *session, const struct scan_entry *entry)
{
	struct fim_id at;

	return entry->dir && session->found &&
	       (entry->inserted ||
		!inode_table_find(&session->inodes, entry->dir, entry->name, &at));
}

// A name that the kernel has inherited comes as a record. Where records were lost
// it may not: it is left to the sweep, which tells it.
static bool is_unheard(const struct session *session, const struct scan_entry *entry)
{
	return !entry->inserted && reconcile_busy(session) && is_untold(session, entry);
}

// Of a directory that has another name no record can be awaited: where it is must be known.
static bool is_found(const struct session *session, const struct scan_entry *entry)
{
	return is_untold(session, entry) &&
	       (entry->inserted || (S_ISDIR(entry->mode) &&
				    inode_table_known(&session->inodes, &entry->id, NULL)));
}

static int visit_entry(void *context, const struct scan_entry *entry)
{
	struct visit *visit = context;
	struct session *session = visit->session;
	bool found = is_found(session, entry);
	int error = 0;

	if (is_unheard(session, entry)) {
		reconcile_read(session, entry->dir);
		return 0;
	}
	if (is_untold(session, entry) && !found) {
		awaited_add(session, entry);
		return 0;
	}
	if (!entry->dir)
		error = visit_top(visit, entry);
	else if (!is_mounted(session, entry))
		error = visit_name(session, entry);
	if (!entry->dir || entry->dir->dev != entry->id.dev)
		devices_add(session, entry->id.dev);
	if (entry->id.over && !entry->subvolume && (!entry->dir || entry->dir->over != entry->id.over))
		devices_add(session, entry->id.over);
	if (error == 0 && session->find_links && entry->st->st_nlink > 1 && !S_ISDIR(entry->mode))
		error = links_note(session, entry);
	if (error < 0)
		session->counts[SESSION_REFUSED]++;
	observe_scanned(session, &entry->id, entry->st, entry->generation);
	if (entry->id.over && way_seen(session, entry->id.over, entry->subvolume) < 0)
		session->counts[SESSION_REFUSED]++;
	if (S_ISDIR(entry->mode))
		watched_wholly(visit, entry);
	if (found)
		emit_found(session, entry->path, &entry->id, entry->mode, session->found);
	return 0;
}

// Why a mount point is not entered, or NULL.
static const char *mount_refused(const struct session *session, struct bytes path)
{
	const struct mount *mount = mount_table_on(&session->mounts, path);

	if (!mount)
		return NULL;
	return session->one_file_system ? "not entered: --one-file-system"
					: mount_not_entered(mount->kind);
}

bool visit_may_enter(struct session *session, struct bytes path)
{
	const char *why = mount_refused(session, path);

	if (why)
		emit_withheld(session, why, path, 1, tap_now());
	return !why;
}

static bool visit_enter(void *context, const struct scan_entry *entry)
{
	struct session *session = ((struct visit *)context)->session;
	const char *why = mount_refused(session, entry->path);

	if (exclude_matches(&session->exclude, entry->path)) {
		withhold_count(session, WITHHELD_EXCLUDED, tap_now());
		return false;
	}
	if (why)
		emit_withheld(session, why, entry->path, 1, tap_now());
	return !why;
}

static void visit_unreadable(void *context, const struct scan_entry *entry, int error)
{
	struct visit *visit = context;

	visit->refused = visit->refused || !entry->dir;
	visit->session->counts[SESSION_UNREADABLE]++;
	emit_error(visit->session, entry->path, strerror(-error));
}

static int visit_pump(void *context)
{
	return session_drain(((struct visit *)context)->session);
}

struct count {
	const struct session *session;
	uint64_t count, limit;
};

static int count_name(void *context, int dir, const struct dirent *d, struct bytes path)
{
	struct count *count = context;

	(void)dir;
	(void)d;
	(void)path;
	return ++count->count >= count->limit;
}

static bool count_enter(void *context, struct bytes path)
{
	const struct session *session = ((struct count *)context)->session;

	return !mount_refused(session, path) && !exclude_matches(&session->exclude, path);
}

uint64_t visit_count(struct session *session, const char *path, uint64_t limit)
{
	struct count count = {session, 1, limit};
	struct tree tree = {.context = &count, .name = count_name, .enter = count_enter};

	tree_walk(&tree, path);
	return count.count;
}

// What is found while the hooks are there may be open for writing, and be written to before it
// has its key and after it was looked at: its close tells. Of the start: session_older.c.
static uint32_t fresh_flags(const struct session *session, const struct visit *visit)
{
	return visit && session->found ? FIM_WATCH_OPEN_BEFORE : 0;
}

void visit_prepare(struct session *session, struct visit *visit, struct scan *ret)
{
	const struct tap_maps *maps = &session_newest(session)->maps;

	*ret = (struct scan){
		.watched = maps->watched,
		.learned = session->learn_probes[0] > 0 ? maps->learned : -1,
		.absent = &session_newest(session)->absent,
		.context = visit,
		.fresh = fresh_flags(session, visit),
		.flags = visit_flags,
		.spots = session->spots.first ? visit_spots : NULL,
		.entry = visit_entry,
		.enter = visit_enter,
		.unreadable = visit_unreadable,
		.pump = visit_pump,
	};
}

int visit_run(struct session *session, struct visit *visit, const char *path)
{
	struct scan scan;
	int error;

	visit->session = session;
	visit_prepare(session, visit, &scan);
	error = scan_tree(&scan, path);
	session->counts[SESSION_UNLEARNED] += scan.unlearned;
	session->counts[SESSION_SCANNED] += scan.scanned;
	if (error == -ENOSPC)
		session->need_room = true;
	return error;
}
