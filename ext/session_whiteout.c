// SPDX-License-Identifier: GPL-2.0-only
//
// session_whiteout.c - the device that a rename has left at the old name.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session.h"

// Where something was overwritten, the record has had no room for what the file system
// has made at about the same time: Linux: WHITEOUT_MODE, WHITEOUT_DEV.
static void fill(struct fim_event *event, uint64_t ino)
{
	const struct fim_file moved = event->file;

	if (!(event->flags & FIM_EVENT_REPLACED)) {
		event->file = event->other;
		event->file.id.over = moved.id.over;
		return;
	}
	event->file = (struct fim_file){
		.id = {.ino = ino, .dev = moved.id.dev, .over = moved.id.over},
		.mtime_sec = moved.ctime_sec, .mtime_nsec = moved.ctime_nsec,
		.ctime_sec = moved.ctime_sec, .ctime_nsec = moved.ctime_nsec,
		.mode = S_IFCHR, .uid = event->actor.euid, .gid = event->actor.gid,
		.nlink = 1, .magic = moved.magic,
	};
}

struct fim_event *whiteout_left(const struct fim_event *rename)
{
	struct fim_event *event = malloc(rename->size);

	if (!event)
		return NULL;
	memcpy(event, rename, rename->size);
	fill(event, rename->count);
	event->op = FIM_OP_MKNOD;
	event->matched = FIM_MATCHED_PARENT;
	event->flags &= FIM_EVENT_INSERT_FAILED | FIM_EVENT_EXE_DELETED | FIM_EVENT_ARGS_CUT |
			FIM_EVENT_NAMES_ONLY;
	event->count = 0;
	memset(&event->other, 0, sizeof(event->other));
	memset(&event->dir2, 0, sizeof(event->dir2));
	memset(&event->text[FIM_TEXT_PATH2], 0, sizeof(event->text[FIM_TEXT_PATH2]));
	return event;
}
