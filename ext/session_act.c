// SPDX-License-Identifier: GPL-2.0-only
//
// session_act.c - mount acts that a hook saw begin: which change each has made,
// and its record.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "session_mount.h"

/* A mount may take as long as a journal takes to be replayed. */
#define ACT_PATIENCE_NS 60000000000ull

/* Newer than the C library of the oldest distribution; the same everywhere. */
#define SYS_MOVE_MOUNT 429
#define SYS_FSCONFIG 431
#define SYS_MOUNT_SETATTR 442

struct session_act *act_add(struct session *session, const struct fim_event *event,
			    struct bytes point, bool relevant)
{
	struct session_act *act = calloc(1, sizeof(*act));
	char *copy = act && point.data ? strndup(point.data, point.length) : NULL;

	if (act)
		act->event = malloc(event->size);
	if (!act || !act->event || (point.data && !copy)) {
		session->counts[SESSION_NO_MEMORY]++;
		free(copy);
		free(act ? act->event : NULL);
		free(act);
		return NULL;
	}
	memcpy(act->event, event, event->size);
	act->point = bytes_of(copy, point.length);
	act->relevant = relevant;
	act->until = tap_now() + ACT_PATIENCE_NS;
	act->next = session->acts;
	session->acts = act;
	return act;
}

void act_free(struct session_act *act)
{
	free((char *)act->point.data);
	free(act->event);
	free(act);
}

bool act_is_elsewhere(const struct session *session, const struct fim_event *event)
{
	return event->actor.mnt_ns && event->actor.mnt_ns != session->mnt_ns;
}

bool act_is_over(const struct fim_event *event)
{
	static const long calls[] = {
		SYS_mount, SYS_umount2, SYS_pivot_root, SYS_MOVE_MOUNT, SYS_FSCONFIG,
		SYS_MOUNT_SETATTR,
#ifdef __x86_64__
		21, 22, 52, 217, // of 32-bit programs
#endif
	};
	char path[64];
	long number;
	FILE *file;
	int found;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", event->actor.pid,
		 event->actor.tid);
	file = fopen(path, "re");
	if (!file)
		return true;
	errno = 0;
	found = fscanf(file, "%ld", &number);
	fclose(file);
	for (size_t i = 0; found == 1 && i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i] == number)
			return false;
	return found == 1 || errno == ESRCH; // "running" else
}

struct session_act *act_opposite(const struct session_act *act)
{
	struct session_act *older = act->next;

	for (; older; older = older->next)
		if (!older->told && older->relevant && older->event->op != act->event->op &&
		    older->event->actor.mnt_ns == act->event->actor.mnt_ns &&
		    bytes_equal(older->point, act->point))
			return older;
	return NULL;
}

static bool did(const struct session *session, const struct session_act *act,
		const struct session_change *change)
{
	const struct fim_event *event = act->event;

	if (!act->point.data)
		return change->options;
	if (change->options)
		return event->op == FIM_OP_MOUNT && event->flags & FIM_EVENT_ON_MOUNT &&
		       way_device(session, &event->file.id) == change->mount.dev;
	if (change->moved && event->flags & FIM_EVENT_MOVED)
		return bytes_equal(change->at, act->point);
	return event->op == change->op && bytes_equal(change->mount.point, act->point);
}

struct session_act *act_of(struct session *session, const struct session_change *change)
{
	struct session_act *act = session->acts;

	while (act && (act->told || !did(session, act, change)))
		act = act->next;
	return act;
}

bool act_explains(const struct session *session, const struct session_change *change)
{
	const struct session_act *act = session->acts;

	for (; act; act = act->next)
		if (act->told && change->since <= act->told &&
		    (change->options ? did(session, act, change) :
		     act->point.data && path_is_below(change->at, act->point) &&
		     (!change->moved || act->event->flags & FIM_EVENT_MOVED)))
			return true;
	return false;
}

// The walk was of another place than the record is about. What is on the network
// may hang when it is looked at.
static void describe(struct fim_event *event, const char *path, bool local)
{
	struct stat st;

	memset(&event->dir, 0, sizeof(event->dir));
	memset(&event->text[FIM_TEXT_PATH], 0, sizeof(event->text[0]));
	memset(&event->text[FIM_TEXT_PATH2], 0, sizeof(event->text[0]));
	event->file = (struct fim_file){.mode = S_IFDIR};
	if (!local || lstat(path, &st) < 0)
		return;
	event->file = (struct fim_file){
		.id = {.ino = st.st_ino, .dev = scan_kernel_dev(st.st_dev)},
		.size = (uint64_t)st.st_size,
		.mtime_sec = st.st_mtim.tv_sec, .mtime_nsec = (uint32_t)st.st_mtim.tv_nsec,
		.ctime_sec = st.st_ctim.tv_sec, .ctime_nsec = (uint32_t)st.st_ctim.tv_nsec,
		.mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid,
		.nlink = (uint32_t)st.st_nlink,
	};
}

void act_tell(struct session *session, struct session_act *act, enum fim_operation op,
	      struct bytes path, const struct mount *mount, enum view_result result)
{
	struct fim_view view;

	act->event->op = (uint8_t)op;
	if (path.data && !bytes_equal(path, act->point))
		describe(act->event, path.data, !mount || mount->kind == MOUNT_LOCAL);
	resolve_event(session, act->event, &view);
	if (path.data && !view.path.data) {
		view.path = path;
		view.path_complete = true;
		view.path_mount = VIEW_MOUNT_EXACT;
	}
	view.mount = mount;
	view.result = result;
	emit_event(session, &view);
	act->told = tap_now();
	act->until = act->told + ACT_NEAR_NS;
}
