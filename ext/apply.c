// SPDX-License-Identifier: GPL-2.0-only
//
// apply.c - what a record changes in the monitor's memory of names, and in the
// hash of watched inodes.
//
// Every change is safe to repeat and checks whose name it is, since the scan
// may have seen the tree before or after the act that the record tells of.
#include <string.h>
#include <sys/stat.h>

#include "bpf_map.h"
#include "decode.h"
#include "session_parts.h"

static bool inherits(const struct session *session, const struct fim_id *dir)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, dir, &flags) && !(flags & INODE_NAMES_ONLY);
}

bool apply_wants(const struct session *session, const struct fim_id *dir, struct bytes name)
{
	const struct session_wanted *w = session->wanted;

	for (; w; w = w->next)
		if (w->dir.ino == dir->ino && w->dir.dev == dir->dev &&
		    bytes_equal(bytes_of(w->name, w->length), name))
			return true;
	return false;
}

static bool names_only(const struct session *session, const struct fim_event *event)
{
	uint32_t flags;

	// In the hash, and not known by a name: it is above what is watched.
	if (event->op == FIM_OP_RENAME && event->matched == FIM_MATCHED_INODE)
		return false;
	if (event->flags & FIM_EVENT_NAMES_ONLY)
		return true;
	// A change of an inode asks no directory in the kernel.
	return inode_table_known(&session->inodes, &event->dir, &flags) &&
	       flags & INODE_NAMES_ONLY;
}

// A directory that is watched for some names is known by that only: what is done
// to itself is nobody's.
static bool known_for_itself(const struct session *session, const struct fim_event *event)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, &event->file.id, &flags) &&
	       (!(flags & INODE_NAMES_ONLY) || event_is_of_name(event));
}

static bool replaces_known(const struct session *session, const struct fim_event *event)
{
	return event->op == FIM_OP_RENAME &&
	       inode_table_known(&session->inodes, &event->other.id, NULL);
}

bool apply_is_withheld(const struct session *session, const struct fim_event *event)
{
	// By inode, where it is known already; by name, where it just appeared.
	return (event->op != FIM_OP_OPEN || event->flags & FIM_EVENT_FAILED) &&
	       names_only(session, event) &&
	       !known_for_itself(session, event) && !replaces_known(session, event) &&
	       !apply_wants(session, &event->dir, event_leaf(event, FIM_TEXT_PATH)) &&
	       !apply_wants(session, &event->dir2, event_leaf(event, FIM_TEXT_PATH2));
}

void apply_drop_key(struct session *session, const struct fim_id *id)
{
	struct fim_id key = scan_key(id);

	reconcile_key_goes(session, &key);
	for (unsigned i = 0; i < SESSION_TAPS; i++)
		if (session->taps[i])
			bpf_map_delete(session->taps[i]->maps.watched, &key);
}

static void goes(void *context, const struct fim_id *id, uint32_t flags)
{
	(void)flags;
	going_add(context, id);
}

void apply_let_go(struct session *session, const struct fim_id *id)
{
	if (!inode_table_known(&session->inodes, id, NULL))
		going_add(session, id);
	inode_table_forget_tree(&session->inodes, id, goes, session);
}

void apply_drop_device(struct session *session, uint32_t dev)
{
	const struct fim_id overlay = {.dev = dev};
	struct inode_cursor cursor = {0};
	struct fim_id id;

	while (inode_table_next(&session->inodes, &cursor, &id, NULL))
		if (id.dev == dev || id.over == dev) {
			if (!way_other_knows(session, &id))
				apply_drop_key(session, &id);
			inode_table_forget(&session->inodes, &id);
		}
	apply_drop_key(session, &overlay);
}

// A record that is older than the last scan can be about an inode that is gone,
// whose number the scan has found on a new one: that must not lose its key. What
// did go out is then watched on, until it is removed.
void apply_went_out(struct session *session, const struct fim_event *event,
		    const struct fim_id *id)
{
	if (event->time > session->scanned_until)
		apply_let_go(session, id);
}

static void add_name(struct session *session, const struct fim_id *dir, struct bytes name,
		     const struct fim_file *file)
{
	if (name.data)
		inode_table_add_name(&session->inodes, dir, name, &file->id, S_ISDIR(file->mode));
}

// The name `dir`/`name` now leads to `file`. A directory that was not known has
// contents that are not known either. Whether the name has to be looked at: one
// that is wanted.
static unsigned appears(struct session *session, const struct fim_id *dir, struct bytes name,
			const struct fim_file *file)
{
	if (withhold_name(session, dir, name))
		return APPLY_NOTHING;
	if (inherits(session, dir)) {
		if (S_ISDIR(file->mode) && !inode_table_known(&session->inodes, &file->id, NULL))
			session_unread(session, &file->id);
		add_name(session, dir, name, file);
		return APPLY_NOTHING;
	}
	return name.data && apply_wants(session, dir, name) ? APPLY_SCAN : APPLY_NOTHING;
}

// Whether it has a name that is watched: not one that --find-links found.
static bool has_name_inside(const struct session *session, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&session->inodes, id);
	struct fim_id dir;
	struct bytes name;

	while (inode_table_next_name(&session->inodes, &cursor, &dir, &name))
		if (inherits(session, &dir) || apply_wants(session, &dir, name))
			return true;
	return false;
}

// `file` has lost a name. Without links the kernel drops its key by itself,
// when the last descriptor is closed.
static unsigned disappears(struct session *session, const struct fim_id *dir, struct bytes name,
			   const struct fim_file *file)
{
	uint32_t flags;

	if (name.data)
		inode_table_remove_name(&session->inodes, dir, name, &file->id);
	if (has_name_inside(session, &file->id) ||
	    !inode_table_known(&session->inodes, &file->id, &flags) || flags & INODE_ROOT)
		return APPLY_NOTHING;
	if (file->nlink == 0 || S_ISDIR(file->mode)) {
		if (subvolume_has(file))
			subvolume_removed(session, &file->id);
		inode_table_forget(&session->inodes, &file->id);
		return APPLY_NOTHING;
	}
	return APPLY_LET_GO;
}

// What was just made is empty, and inherits from the first.
static unsigned apply_mkdir(struct session *session, const struct fim_event *event)
{
	if (inherits(session, &event->dir)) {
		add_name(session, &event->dir, event_leaf(event, FIM_TEXT_PATH), &event->file);
		return APPLY_NOTHING;
	}
	return appears(session, &event->dir, event_leaf(event, FIM_TEXT_PATH), &event->file);
}

static unsigned apply_create(struct session *session, const struct fim_event *event)
{
	return appears(session, &event->dir, event_leaf(event, FIM_TEXT_PATH), &event->file);
}

static unsigned apply_remove(struct session *session, const struct fim_event *event)
{
	return disappears(session, &event->dir, event_leaf(event, FIM_TEXT_PATH), &event->file);
}

// Nor is what is in a directory that the hash did not know.
static void moved_in(struct session *session, const struct fim_event *event)
{
	if (event->flags & FIM_EVENT_NEW && S_ISDIR(event->file.mode) &&
	    inherits(session, &event->dir2))
		session_unread(session, &event->file.id);
}

static unsigned apply_exchange(struct session *session, const struct fim_event *event)
{
	struct bytes from = event_leaf(event, FIM_TEXT_PATH);
	struct bytes to = event_leaf(event, FIM_TEXT_PATH2);

	inode_table_remove_name(&session->inodes, &event->dir, from, &event->file.id);
	inode_table_remove_name(&session->inodes, &event->dir2, to, &event->other.id);
	return appears(session, &event->dir2, to, &event->file) |
	       appears(session, &event->dir, from, &event->other);
}

// It was known by names in watched directories and has none left. A root is
// watched wherever it goes.
static unsigned went_out(const struct session *session, const struct fim_id *id)
{
	uint32_t flags;

	if (!inode_table_known(&session->inodes, id, &flags) || flags & INODE_ROOT)
		return APPLY_NOTHING;
	return has_name_inside(session, id) ? APPLY_NOTHING : APPLY_LET_GO;
}

static unsigned apply_rename(struct session *session, const struct fim_event *event)
{
	struct bytes from = event_leaf(event, FIM_TEXT_PATH);
	struct bytes to = event_leaf(event, FIM_TEXT_PATH2);
	unsigned after;

	moved_in(session, event);
	if (event->flags & FIM_EVENT_EXCHANGE)
		return apply_exchange(session, event);
	if (event->flags & FIM_EVENT_REPLACED &&
	    disappears(session, &event->dir2, to, &event->other) & APPLY_LET_GO)
		apply_went_out(session, event, &event->other.id);
	after = appears(session, &event->dir2, to, &event->file);
	inode_table_remove_name(&session->inodes, &event->dir, from, &event->file.id);
	return after ? after : went_out(session, &event->file.id);
}

// A record of before the last scan may be of a name that had gone by then. A directory has one
// name: which of two it is a sweep tells.
static bool is_known_so(const struct session *session, const struct fim_event *event,
			struct bytes name)
{
	struct fim_id at;

	return inode_table_known(&session->inodes, &event->file.id, NULL) &&
	       (S_ISDIR(event->file.mode) || event->time <= session->scanned_until || !name.data ||
		(inode_table_find(&session->inodes, &event->dir, name, &at) &&
		 same_id(&at, &event->file.id)));
}

// An act on an inode may be the first to tell of it or of its name, such as of one whose record
// of creation was lost: who follows the stream has the name now, so it must be known to go.
static unsigned apply_change(struct session *session, const struct fim_event *event)
{
	struct bytes name = event_leaf(event, FIM_TEXT_PATH);

	if (event->flags & FIM_EVENT_DELETED || !event->file.nlink ||
	    is_known_so(session, event, name))
		return APPLY_NOTHING;
	return appears(session, &event->dir, name, &event->file);
}

typedef unsigned apply_operation(struct session *session, const struct fim_event *event);

static apply_operation *const operations[FIM_OPERATION_END] = {
	[FIM_OP_CREATE] = apply_create,
	[FIM_OP_MKDIR] = apply_mkdir,
	[FIM_OP_MKNOD] = apply_create,
	[FIM_OP_SYMLINK] = apply_create,
	[FIM_OP_LINK] = apply_create,
	[FIM_OP_UNLINK] = apply_remove,
	[FIM_OP_RMDIR] = apply_remove,
	[FIM_OP_RENAME] = apply_rename,
	[FIM_OP_MODIFY] = apply_change,
	[FIM_OP_CLOSE] = apply_change,
	[FIM_OP_TRUNCATE] = apply_change,
	[FIM_OP_CHMOD] = apply_change,
	[FIM_OP_CHOWN] = apply_change,
	[FIM_OP_UTIMES] = apply_change,
	[FIM_OP_SETXATTR] = apply_change,
	[FIM_OP_REMOVEXATTR] = apply_change,
	[FIM_OP_SETFLAGS] = apply_change,
	[FIM_OP_MMAP] = apply_change,
};

unsigned apply_event(struct session *session, const struct fim_event *event)
{
	if (event->flags & FIM_EVENT_INSERT_FAILED)
		session_insert_failed(session, event->time);
	return operations[event->op] ? operations[event->op](session, event) : APPLY_NOTHING;
}
