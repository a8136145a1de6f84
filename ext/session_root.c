// SPDX-License-Identifier: GPL-2.0-only
//
// session_root.c - a directory that was asked for is renamed, removed or replaced.
//
// It is watched wherever it goes, and so is what comes to its path: that is what was
// asked for. Whoever deploys by `mv app app.old; mv app.new app` must not end with
// nobody looking at app.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "session_parts.h"

static const char in_its_place[] = "in what took the place of a watched directory";

// It has its new path from the record itself. What is mounted keeps its mount point's.
static void follow(struct session *session, const struct fim_id *id, struct bytes path)
{
	uint32_t flags;

	if (inode_table_known(&session->inodes, id, &flags) && flags & INODE_ROOT &&
	    !(flags & INODE_MOUNTED))
		inode_table_set_root(&session->inodes, id, path, 0);
}

// Watch what is at this path by now, or the name until something is.
static void watch_place(struct session *session, struct bytes path)
{
	char *copy = strndup(path.data, path.length);
	int error = copy ? session_scan_begin(session) : -ENOMEM;

	session->found = in_its_place;
	if (error == 0)
		error = session_watch(session, copy);
	session->found = NULL;
	session_scan_end(session);
	if (error < 0 && error != -ENOENT)
		emit_error(session, path, "what comes in its place may not be watched");
	free(copy);
}

static void renamed(struct session *session, const struct fim_view *view)
{
	const struct fim_event *event = view->event;
	bool dir = S_ISDIR(event->file.mode);
	bool asked = dir && roots_asked(session, view->old_path);

	if (!view->path.data || !view->path_complete)
		return;
	if (dir)
		above_renamed(session, view->old_path, view->path);
	follow(session, &event->file.id, view->path);
	if (event->flags & FIM_EVENT_EXCHANGE && view->old_path.data)
		follow(session, &event->other.id, view->old_path);
	if (asked)
		watch_place(session, view->old_path);
}

static void removed(struct session *session, const struct fim_event *event)
{
	const struct fim_id *id = &event->file.id;
	struct bytes path = {NULL, 0};
	uint32_t flags;

	if (!inode_table_known(&session->inodes, id, &flags) || !(flags & INODE_ROOT) ||
	    flags & (INODE_MOUNTED | INODE_NAMES_ONLY))
		return;
	inode_table_path(&session->inodes, id, session->text[5], EVENT_PATH_SIZE, &path);
	inode_table_unset_root(&session->inodes, id);
	inode_table_forget(&session->inodes, id);
	if (roots_asked(session, path))
		watch_place(session, path);
}

void root_event(struct session *session, const struct fim_view *view)
{
	if (view->event->op == FIM_OP_RENAME)
		renamed(session, view);
	else if (view->event->op == FIM_OP_RMDIR)
		removed(session, view->event);
}
