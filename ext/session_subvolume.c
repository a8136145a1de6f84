// SPDX-License-Identifier: GPL-2.0-only
//
// session_subvolume.c - btrfs: which subvolume a record is about.
//
// A hook cannot tell: what differs between a file and its twin in a snapshot is
// in btrfs's private structures. Its path does, as stat shows a device for each
// subvolume.
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "decode.h"
#include "session_parts.h"

bool subvolume_has(const struct fim_file *file)
{
	return file->magic == BTRFS_SUPER_MAGIC;
}

// The device that stat shows for the nearest directory above `path` that is
// there; 0 when it is no subvolume's. `path` is cut.
static uint32_t device_above(char *path)
{
	struct statfs fs;
	struct stat st;
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0';
		if (lstat(path, &st) == 0)
			return statfs(path, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC
				? minor(st.st_dev) : 0;
		if (slash == path)
			break;
	}
	return 0;
}

static bool known_so(const struct session *session, const struct fim_event *event, uint32_t over)
{
	const struct fim_id *const ids[] = {&event->dir, &event->dir2, &event->file.id};

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct fim_id id = *ids[i];

		id.over = over;
		if (inode_table_known(&session->inodes, &id, NULL))
			return true;
	}
	return false;
}

// The first way by which something of the event is known, `over` itself if none.
static uint32_t way_known(const struct session *session, const struct fim_event *event,
			  uint32_t over)
{
	for (size_t i = 0; i < session->way_count; i++)
		if (known_so(session, event, session->ways[i].over))
			return session->ways[i].over;
	return over;
}

bool subvolume_is_foreign(struct session *session, struct fim_event *event)
{
	char *path = session->text[4];
	uint32_t over = 0;

	if (!subvolume_has(&event->file) || event->file.id.over)
		return false;
	if (resolve_walk(session, event, path))
		over = device_above(path);
	if (!over || known_so(session, event, over)) {
		way_set(event, over ? over : way_known(session, event, 0));
		return false;
	}
	way_set(event, over);
	return way_known(session, event, over) != over;
}

// The kernel leaves keys of removed inodes to us: it cannot tell whether the
// number is a twin's. Files that are open still write; the oldest have to go.
void subvolume_removed(struct session *session, const struct fim_id *id)
{
	struct fim_id *oldest = &session->removed[session->removed_at];

	session->removed_at = (session->removed_at + 1) % SESSION_REMOVED;
	if (oldest->ino && !inode_table_known(&session->inodes, oldest, NULL))
		apply_let_go(session, oldest);
	*oldest = *id;
}
