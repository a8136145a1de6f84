// SPDX-License-Identifier: GPL-2.0-only
//
// session_overlay.c - files of overlays: copied up, changed in the layer, stat'ed.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "session_parts.h"

// A directory that is watched for names only has become another inode; what
// appeared by such a name before the kernel knows is scanned (APPLY_SCAN).
static void move_wanted(struct session *session, const struct fim_event *event)
{
	struct session_wanted *w = session->wanted;

	for (; w; w = w->next)
		if (w->dir.ino == event->other.id.ino && w->dir.dev == event->other.id.dev &&
		    w->dir.over == event->other.id.over) {
			w->dir = event->file.id;
			watch_wanted(session, &w->dir, w->name);
		}
}

// Names that the lower file has beside stay with it: they are other files now.
// What a scan has read anew in the meantime is known already.
static void move_names(struct session *session, const struct fim_event *event)
{
	const struct fim_id *lower = &event->other.id, *upper = &event->file.id;
	struct bytes name = event_leaf(event, FIM_TEXT_PATH);

	if (inode_table_name_count(&session->inodes, lower) > 1)
		inode_table_add_name(&session->inodes, &event->dir, name, upper, false);
	else if (inode_table_rekey(&session->inodes, lower, upper) == -EEXIST)
		inode_table_forget_tree(&session->inodes, lower, NULL, NULL);
}

void overlay_copied_up(struct session *session, const struct fim_event *event)
{
	if (event->flags & FIM_EVENT_INSERT_FAILED)
		session_insert_failed(session, event->time);
	move_names(session, event);
	if (S_ISDIR(event->file.mode))
		move_wanted(session, event);
}

void overlay_mirror(struct session *session, struct fim_event *event)
{
	const struct fim_id dir = event->dir;
	struct fim_id there, there2 = event->dir2;
	uint32_t own = event->file.id.over;

	for (size_t at = 0; way_to_same(session, &at, &dir, &there);) {
		there2.over = there.over;
		if (!inode_table_known(&session->inodes, &there, NULL) &&
		    !inode_table_known(&session->inodes, &there2, NULL))
			continue;
		way_set(event, there.over);
		if (apply_event(session, event) & APPLY_LET_GO)
			apply_went_out(session, event, &event->file.id);
	}
	way_set(event, own);
}

// What is covered by a mount cannot be stat'ed: a directory's number is that of the
// upper one where all layers are on one file system.
static bool is_covered(const struct fim_event *event)
{
	return event->op == FIM_OP_MOUNT;
}

void overlay_stat(struct session *session, const struct fim_event *event, struct fim_view *ret)
{
	struct fim_id *id = &session->stat_id;
	char *path = session->text[5];
	struct stat st;

	if (event->op == FIM_OP_UNLINK || event->op == FIM_OP_RMDIR ||
	    event->flags & FIM_EVENT_DELETED || !ret->path_complete || !ret->path.data)
		return;
	if (is_covered(event)) {
		*id = (struct fim_id){.ino = event->file.id.ino, .dev = event->file.id.over};
		ret->stat_id = id;
		return;
	}
	memcpy(path, ret->path.data, ret->path.length);
	path[ret->path.length] = '\0';
	if (lstat(path, &st) < 0 || (st.st_mode ^ event->file.mode) & S_IFMT)
		return;
	*id = (struct fim_id){.ino = st.st_ino, .dev = scan_kernel_dev(st.st_dev)};
	ret->stat_id = id;
}
