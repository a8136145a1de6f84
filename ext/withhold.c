// SPDX-License-Identifier: GPL-2.0-only
//
// withhold.c - records that nobody asked for: which they are, and how many.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode.h"
#include "session_parts.h"
#include "visit.h"

static const char *const reasons[] = {
	[WITHHELD_NAMES] = "other names in a directory that is watched for some",
	[WITHHELD_EXCLUDED] = "excluded names",
	[WITHHELD_SUBVOLUME] = "files of another subvolume with the same numbers",
	[WITHHELD_GONE] = "files of a file system that had the numbers of one that is gone",
};

void withhold_count(struct session *session, enum session_withheld kind, uint64_t time)
{
	session->counts[SESSION_WITHHELD]++;
	if (!session->withheld[kind].count++)
		session->withheld[kind].since = time;
}

void withhold_tell(struct session *session, uint64_t now, bool final)
{
	for (unsigned kind = 0; kind < WITHHELD_KINDS; kind++) {
		uint64_t count = session->withheld[kind].count;
		uint64_t since = session->withheld[kind].since;

		if (!count || (!final && now - since < SESSION_WITHHELD_NS))
			continue;
		emit_withheld(session, reasons[kind], bytes_of(NULL, 0), count, since);
		session->withheld[kind].count = 0;
	}
}

/* A circle of names would be a mistake; we make no deeper directories. */
#define OWN_DEPTH 32

static bool is_ours(const struct session *session, const struct fim_id *id)
{
	for (unsigned i = 0; i < session->own_count; i++)
		if (id->ino == session->own[i].ino && id->dev == session->own[i].dev)
			return true;
	return false;
}

// One of those, or in one at any depth: directories are made anew where somebody has taken
// the ones that were there away.
static bool is_in_ours(const struct session *session, struct fim_id id)
{
	struct inode_cursor cursor;
	struct fim_id dir;
	struct bytes name;

	for (unsigned depth = 0; depth < OWN_DEPTH && !is_ours(session, &id); depth++) {
		cursor = inode_table_names(&session->inodes, &id);
		if (!inode_table_next_name(&session->inodes, &cursor, &dir, &name))
			return false;
		id = dir;
	}
	return is_ours(session, &id);
}

int session_own(struct session *session, int descriptor)
{
	struct scan scan;
	struct fim_id id;
	mode_t mode;
	int error;

	visit_prepare(session, NULL, &scan);
	error = scan_identify(&scan, descriptor, "", AT_EMPTY_PATH, &id, &mode);
	if (error < 0 || !(S_ISREG(mode) || S_ISDIR(mode)) || is_ours(session, &id))
		return error;
	if (session->own_count == SESSION_OWN)
		return -EMFILE; // -ENOSPC would ask for a larger hash
	session->own[session->own_count++] = id;
	return 0;
}

bool session_is_own(const struct session *session, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&session->inodes, id);
	struct bytes name;
	struct fim_id dir;

	if (is_ours(session, id))
		return true;
	while (inode_table_next_name(&session->inodes, &cursor, &dir, &name))
		if (is_in_ours(session, dir))
			return true;
	return false;
}

// What we write of an act would be an act of its own, for ever.
static bool is_own(struct session *session, const struct fim_event *event)
{
	struct bytes path = {NULL, 0};

	if (event->actor.pid != (uint32_t)getpid() ||
	    !(is_ours(session, &event->file.id) || is_in_ours(session, event->dir) ||
	      (event->op == FIM_OP_RENAME && is_in_ours(session, event->dir2))))
		return false;
	session->counts[SESSION_SELF]++;
	if (event->op == FIM_OP_MKDIR)
		apply_event(session, event); // what is in it is ours, too
	if (session->own_told)
		return true;
	session->own_told = true;
	inode_table_path(&session->inodes, &session->own[0], session->text[4], EVENT_PATH_SIZE,
			 &path);
	emit_withheld(session, "the monitor's own output", path, 1, event->time);
	return true;
}

bool withhold_name(struct session *session, const struct fim_id *dir, struct bytes name)
{
	struct bytes path;

	return session->exclude.count && name.data &&
	       inode_table_path_in(&session->inodes, dir, name, session->text[4], EVENT_PATH_SIZE,
				   &path) == 0 &&
	       exclude_matches(&session->exclude, path);
}

// In a directory that is not known: one below an excluded name, which the
// kernel inherited before it was let go.
static bool place_excluded(struct session *session, const struct fim_event *event)
{
	struct fim_view view;

	resolve_event(session, event, &view);
	return exclude_covers(&session->exclude, view.path);
}

static bool is_excluded(struct session *session, const struct fim_event *event)
{
	bool rename = event->op == FIM_OP_RENAME;
	bool from = inode_table_known(&session->inodes, &event->dir, NULL);
	bool to = rename && inode_table_known(&session->inodes, &event->dir2, NULL);

	if (!session->exclude.count || inode_table_known(&session->inodes, &event->file.id, NULL) ||
	    inode_table_known(&session->inodes, &event->other.id, NULL))
		return false;
	if (!from && !to)
		return place_excluded(session, event);
	return (!from || withhold_name(session, &event->dir, event_leaf(event, FIM_TEXT_PATH))) &&
	       (!to || withhold_name(session, &event->dir2, event_leaf(event, FIM_TEXT_PATH2)));
}

// It can have been inherited: the kernel knows no patterns and no subvolumes, and
// compares the start of a long name only.
static void withhold(struct session *session, const struct fim_event *event,
		     enum session_withheld kind)
{
	withhold_count(session, kind, event->time);
	if (event->flags & FIM_EVENT_NEW)
		apply_let_go(session, &event->file.id);
}

bool withhold_event(struct session *session, struct fim_event *event)
{
	bool other;

	if (subvolume_is_foreign(session, event)) {
		withhold(session, event, WITHHELD_SUBVOLUME);
		return true;
	}
	if (cover_is_stale(session, event))
		return true;
	other = apply_is_withheld(session, event);
	if (is_own(session, event))
		return true;
	if (!other && !is_excluded(session, event))
		return false;
	withhold(session, event, other ? WITHHELD_NAMES : WITHHELD_EXCLUDED);
	return true;
}
