// SPDX-License-Identifier: GPL-2.0-only
#include "visit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "notice.h"

static int visit_path(const struct visit *visit, const struct scan_entry *entry, struct bytes *ret)
{
	struct session *session = visit->session;

	if (!entry->dir) {
		*ret = entry->name; // the top is told by its whole path
		return 0;
	}
	return inode_table_path_in(&session->inodes, entry->dir, entry->name, session->text[4],
				   EVENT_PATH_SIZE, ret);
}

static void emit_found(const struct visit *visit, const struct scan_entry *entry)
{
	struct session *session = visit->session;
	struct buffer members = {0};
	struct bytes path;

	if (visit_path(visit, entry, &path) < 0)
		return;
	notice_found(path, &entry->id, entry->mode, session->found, &members);
	session_emit(session, "found", buffer_bytes(&members), path);
	buffer_deinit(&members);
}

// What is mounted on a watched directory has that path; the name is, and stays,
// that of the directory underneath.
static bool is_mounted(const struct session *session, const struct scan_entry *entry)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, &entry->id, &flags) && flags & INODE_MOUNTED;
}

static int visit_top(struct visit *visit, const struct scan_entry *entry)
{
	struct session *session = visit->session;

	visit->top = entry->id;
	if (visit->root)
		return inode_table_set_root(&session->inodes, &entry->id,
					    bytes_of_string(visit->root), visit->flags);
	if (is_mounted(session, entry))
		return 0;
	return inode_table_add_name(&session->inodes, visit->dir, visit->name, &entry->id,
				    S_ISDIR(entry->mode));
}

static int visit_entry(void *context, const struct scan_entry *entry)
{
	struct visit *visit = context;
	struct session *session = visit->session;
	int error = 0;

	if (!entry->dir)
		error = visit_top(visit, entry);
	else if (!is_mounted(session, entry))
		error = inode_table_add_name(&session->inodes, entry->dir, entry->name, &entry->id,
					     S_ISDIR(entry->mode));
	if (!entry->dir || entry->dir->dev != entry->id.dev)
		devices_add(session, entry->id.dev);
	if (error < 0)
		session->counts[SESSION_REFUSED]++;
	if (entry->dir && session->found && entry->inserted)
		emit_found(visit, entry);
	return 0;
}

static const char *const not_entered[] = {
	[MOUNT_PSEUDO] = "not entered: a pseudo file system",
	[MOUNT_NETWORK] = "not entered: a network file system",
	[MOUNT_AUTOFS] = "not entered: an automount point",
};

bool visit_may_enter(struct session *session, struct bytes path)
{
	const struct mount *mount = mount_table_at(&session->mounts, path);

	if (session->one_file_system) {
		emit_withheld(session, "not entered: --one-file-system", path, 1, tap_now());
		return false;
	}
	if (!mount || mount->kind == MOUNT_LOCAL)
		return true;
	emit_withheld(session, not_entered[mount->kind], path, 1, tap_now());
	return false;
}

static bool visit_enter(void *context, const struct scan_entry *entry)
{
	struct visit *visit = context;
	struct bytes path;

	return visit_path(visit, entry, &path) < 0 || visit_may_enter(visit->session, path);
}

static void visit_unreadable(void *context, const struct scan_entry *entry, int error)
{
	struct visit *visit = context;
	struct bytes path;

	visit->refused = visit->refused || !entry->dir;
	visit->session->counts[SESSION_UNREADABLE]++;
	if (visit_path(visit, entry, &path) == 0)
		emit_error(visit->session, path, strerror(-error));
}

static int visit_pump(void *context)
{
	return session_drain(((struct visit *)context)->session);
}

void visit_prepare(struct session *session, struct visit *visit, struct scan *ret)
{
	const struct tap_maps *maps = &session_newest(session)->maps;

	*ret = (struct scan){
		.watched = maps->watched,
		.learned = session->learn_probe < 0 ? -1 : maps->learned,
		.context = visit,
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
