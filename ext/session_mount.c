// SPDX-License-Identifier: GPL-2.0-only
//
// session_mount.c - mount acts: what a hook saw begin, what the mount table
// shows to have happened, and the record that the two give together.
//
//	hook ──► act ───────┐
//	                    ├──► at the same place: a mount or umount record
//	mountinfo ──► change┘
//
// The hooks run before the act, so that an act alone tells nothing: one that is
// over and left no change has failed. A change without an act (its record was
// lost, or no hook saw it) is told as found. One act gives one record, for the
// place it named; what came or went below that place is part of it.
//
// An act in another mount namespace is looked for in the mountinfo of its
// process, or of the parent if that is in there too; where both have gone, what
// became of it is not known, and said so.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "decode.h"
#include "notice.h"
#include "session.h"

/* A mount may take as long as a journal takes to be replayed. */
#define ACT_PATIENCE_NS 60000000000ull
/* What was done and undone shows no change, and the record that says so is near. */
#define ACT_NEAR_NS 1000000000ull
/* The record of an act is in the rings before the act is in the table. */
#define CHANGE_PATIENCE_NS 200000000ull
#define ACTS 1024

/* Newer than the C library of the oldest distribution; the same everywhere. */
#define SYS_MOVE_MOUNT 429
#define SYS_FSCONFIG 431
#define SYS_MOUNT_SETATTR 442

struct session_act {
	struct session_act *next; /* the next older one */
	struct fim_event *event;
	struct bytes point; /* `.data` NULL: not said by the hook */
	uint64_t until;
	uint64_t told; /* when, 0 not */
	bool relevant; /* it touches what is watched; else perhaps its change does */
};

struct session_change {
	struct session_change *next;
	struct mount mount; /* its texts are in `text` */
	struct bytes at;    /* where the act that did it says that it is */
	uint64_t since;
	enum fim_operation op;
	bool moved, options;
	bool covered; /* what is watched has been adapted */
	bool settled;
	char text[];
};

static bool is_elsewhere(const struct session *session, const struct fim_event *event)
{
	return event->actor.mnt_ns && event->actor.mnt_ns != session->mnt_ns;
}

// --- changes -------------------------------------------------------------

static struct bytes keep(char **room, struct bytes text)
{
	struct bytes kept = {text.data ? *room : NULL, text.length};

	if (text.length)
		memcpy(*room, text.data, text.length);
	(*room)[text.length] = '\0';
	*room += text.length + 1;
	return kept;
}

static struct session_change *change_add(struct session *session, const struct mount *mount,
					 enum fim_operation op, struct bytes at)
{
	size_t length = mount->point.length + mount->options.length + mount->type.length +
			mount->source.length + at.length + 5;
	struct session_change *change = calloc(1, sizeof(*change) + length), **last;
	char *room;

	if (!change) {
		session->counts[SESSION_NO_MEMORY]++;
		return NULL;
	}
	room = change->text;
	change->mount = *mount;
	change->mount.root = change->mount.super = bytes_of(NULL, 0);
	change->mount.point = keep(&room, mount->point);
	change->mount.options = keep(&room, mount->options);
	change->mount.type = keep(&room, mount->type);
	change->mount.source = keep(&room, mount->source);
	change->at = keep(&room, at);
	change->op = op;
	change->since = tap_now();
	for (last = &session->changes; *last; last = &(*last)->next)
		;
	*last = change;
	session->changed++;
	return change;
}

static void change_moved(struct session *session, const struct mount *from, const struct mount *to)
{
	struct session_change *here = change_add(session, to, FIM_OP_MOUNT, to->point);
	struct session_change *away = change_add(session, from, FIM_OP_UMOUNT, to->point);

	if (here)
		here->moved = true;
	if (away)
		away->moved = true;
}

static bool same_options(const struct mount *a, const struct mount *b)
{
	return bytes_equal(a->options, b->options) && bytes_equal(a->super, b->super);
}

static void compare_new(struct session *session, const struct mount *mount,
			const struct mount *before)
{
	struct session_change *change;

	if (!before) {
		change_add(session, mount, FIM_OP_MOUNT, mount->point);
	} else if (!bytes_equal(before->point, mount->point)) {
		change_moved(session, before, mount);
	} else if (!same_options(before, mount)) {
		change = change_add(session, mount, FIM_OP_MOUNT, mount->point);
		if (change)
			change->options = true;
	}
}

// What is gone comes first: the number of its device may be in use again.
static void compare(struct session *session, const struct mount_table *before)
{
	const struct mount_table *after = &session->mounts;
	size_t hint = 0;

	for (size_t i = 0; i < before->count; i++)
		if (!mount_table_same(after, &before->mounts[i], &hint))
			change_add(session, &before->mounts[i], FIM_OP_UMOUNT,
				   before->mounts[i].point);
	hint = 0;
	for (size_t i = 0; i < after->count; i++)
		compare_new(session, &after->mounts[i],
			    mount_table_same(before, &after->mounts[i], &hint));
}

int mounts_read(struct session *session)
{
	struct mount_table mounts;
	int error = mount_table_init(&mounts, "/proc/self/mountinfo");

	if (error < 0)
		return error;
	mount_table_deinit(&session->mounts);
	session->mounts = mounts;
	return 0;
}

static bool is_poked(const struct session *session)
{
	struct pollfd mountinfo = {.fd = session->mountinfo, .events = POLLPRI};

	return poll(&mountinfo, 1, 0) > 0 && mountinfo.revents & POLLPRI;
}

static void compare_again(struct session *session)
{
	struct mount_table before = session->mounts;
	bool poked = is_poked(session) || session->poked;
	uint64_t changed = session->changed;

	session->mounts = (struct mount_table){0};
	if (mounts_read(session) < 0) {
		session->mounts = before; // it goes on serving
		return;
	}
	session->poked = 0;
	compare(session, &before);
	mount_table_deinit(&before);
	if (poked) {
		session->poked_until = tap_now();
		session->poked_for_nothing = session->changed == changed;
	}
}

// --- acts and changes ----------------------------------------------------

// The walk was of another place than the record is about.
static void describe(struct fim_event *event, const char *path)
{
	struct stat st;

	memset(&event->dir, 0, sizeof(event->dir));
	memset(&event->text[FIM_TEXT_PATH], 0, sizeof(event->text[0]));
	memset(&event->text[FIM_TEXT_PATH2], 0, sizeof(event->text[0]));
	if (lstat(path, &st) < 0)
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

static void tell(struct session *session, struct session_act *act, enum fim_operation op,
		 struct bytes path, const struct mount *mount, enum view_result result)
{
	struct fim_view view;

	act->event->op = (uint8_t)op;
	if (path.data && !bytes_equal(path, act->point))
		describe(act->event, path.data);
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

static bool did(const struct session_act *act, const struct session_change *change)
{
	const struct fim_event *event = act->event;

	if (!act->point.data)
		return change->options;
	if (change->options)
		return event->op == FIM_OP_MOUNT && event->flags & FIM_EVENT_ON_MOUNT &&
		       event->file.id.dev == change->mount.dev;
	return (change->moved ? event->flags & FIM_EVENT_MOVED : event->op == change->op) &&
	       bytes_equal(change->at, act->point);
}

// The youngest act that did it and is not told.
static struct session_act *act_of(struct session *session, const struct session_change *change)
{
	struct session_act *act = session->acts;

	while (act && (act->told || !did(act, change)))
		act = act->next;
	return act;
}

// Whether it is part of an act that was told: below its place, or the options of
// a file system that is mounted more than once.
static bool is_part(const struct session *session, const struct session_change *change)
{
	const struct session_act *act = session->acts;

	for (; act; act = act->next)
		if (act->told && change->since <= act->told &&
		    (change->options ? did(act, change) : act->point.data &&
		     path_is_below(change->at, act->point)))
			return true;
	return false;
}

static void tell_change(struct session *session, struct session_act *act,
			const struct session_change *change)
{
	bool own = act->point.data && act->relevant;

	if (act->relevant || cover_touches(session, change->mount.point))
		tell(session, act, change->op, own ? act->point : change->mount.point,
		     &change->mount, VIEW_SUCCESS);
}

static const char *unasked(const struct session_change *change)
{
	if (change->options)
		return "its mount options were changed, by whom is not known";
	return change->op == FIM_OP_MOUNT ? "it was mounted, by whom is not known"
					  : "it was unmounted, by whom is not known";
}

static void tell_unasked(struct session *session, const struct session_change *change)
{
	struct fim_id id = {.dev = change->mount.dev};
	struct buffer members = {0};
	mode_t mode = S_IFDIR;
	struct stat st;

	// A file system of the network may hang.
	if (change->mount.kind == MOUNT_LOCAL && lstat(change->mount.point.data, &st) == 0) {
		id = (struct fim_id){.ino = st.st_ino, .dev = scan_kernel_dev(st.st_dev)};
		mode = st.st_mode;
	}
	notice_found(change->mount.point, &id, mode, unasked(change), &members);
	session_emit(session, "found", buffer_bytes(&members), change->mount.point);
	buffer_deinit(&members);
}

// Its act is known, or will not be any more. What was only renamed with a
// directory above it has no act either.
static bool settle_change(struct session *session, const struct session_change *change)
{
	struct session_act *act = act_of(session, change);

	if (act)
		tell_change(session, act, change);
	else if (tap_now() - change->since < CHANGE_PATIENCE_NS)
		return false;
	else if (!change->moved && cover_touches(session, change->mount.point) &&
		 !is_part(session, change))
		tell_unasked(session, change);
	return true;
}

static void cover_change(struct session *session, struct session_change *change)
{
	if (change->op == FIM_OP_UMOUNT && change->moved)
		cover_moved(session, &change->mount, change->at);
	else if (change->op == FIM_OP_UMOUNT)
		cover_gone(session, &change->mount, false);
	else if (!change->moved && !change->options)
		cover_appeared(session, &change->mount);
	change->covered = true;
}

// Told first, then looked at: what is found there comes after it.
static void settle_changes(struct session *session)
{
	struct session_change **at = &session->changes, *change;

	for (change = session->changes; change; change = change->next)
		change->settled = settle_change(session, change);
	for (change = session->changes; change; change = change->next)
		if (!change->covered)
			cover_change(session, change);
	while ((change = *at)) {
		if (change->settled) {
			*at = change->next;
			free(change);
		} else {
			at = &change->next;
		}
	}
}

// --- acts that left no change --------------------------------------------

// Since the act mounts had changed, and were what they were before it.
static bool is_undone(const struct session *session, const struct session_act *act)
{
	return session->poked_for_nothing && act->event->time <= session->poked_until;
}

// An older act that undoes, or is undone by, this one.
static struct session_act *opposite(const struct session_act *act)
{
	struct session_act *older = act->next;

	for (; older; older = older->next)
		if (!older->told && older->relevant && older->event->op != act->event->op &&
		    older->event->actor.mnt_ns == act->event->actor.mnt_ns &&
		    bytes_equal(older->point, act->point))
			return older;
	return NULL;
}

// Mounted and unmounted before anybody looked, or the reverse with another file
// system that got the same numbers: if nothing else has changed, it was that.
static void tell_both(struct session *session, struct session_act *act, struct session_act *older)
{
	enum view_result result = is_undone(session, older) ? VIEW_SUCCESS : VIEW_UNKNOWN;
	const struct mount *mount = mount_table_at(&session->mounts, act->point);

	if (mount && !bytes_equal(mount->point, act->point))
		mount = NULL;
	tell(session, older, older->event->op, older->point, mount, result);
	tell(session, act, act->event->op, act->point, mount, result);
	if (mount && act->event->op == FIM_OP_MOUNT) {
		cover_gone(session, mount, true);
		cover_appeared(session, mount);
	}
}

// The mountinfo of a process that is in the act's namespace.
static int read_elsewhere(const struct fim_event *event, struct mount_table *ret)
{
	uint32_t pids[] = {event->actor.pid, event->actor.ppid};
	char path[64];
	struct stat st;

	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++) {
		snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pids[i]);
		if (stat(path, &st) < 0 || st.st_ino != event->actor.mnt_ns)
			continue;
		snprintf(path, sizeof(path), "/proc/%u/mountinfo", pids[i]);
		if (mount_table_init(ret, path) == 0)
			return 0;
	}
	return -ESRCH;
}

// What was undone before anybody looked shows in what undid it.
static void tell_with_older(struct session *session, struct session_act *act,
			    const struct mount *mount)
{
	struct session_act *older = opposite(act);

	if (older)
		tell(session, older, older->event->op, older->point, mount, VIEW_SUCCESS);
	tell(session, act, act->event->op, act->point, mount, VIEW_SUCCESS);
}

static void tell_elsewhere(struct session *session, struct session_act *act)
{
	const struct fim_event *event = act->event;
	bool umount = event->op == FIM_OP_UMOUNT;
	struct mount_table there = {0};
	const struct mount *mount;
	struct bytes inside;

	if (event_path(event, FIM_TEXT_PATH2, EVENT_ALL_NAMES, session->text[1], EVENT_PATH_SIZE,
		       &inside) < 0 ||
	    !event_text_whole(event, FIM_TEXT_PATH2) || read_elsewhere(event, &there) < 0) {
		tell(session, act, event->op, act->point, NULL, VIEW_UNKNOWN);
		return;
	}
	mount = mount_table_on(&there, event->file.id.dev, inside, session->text[0],
			       EVENT_PATH_SIZE);
	if (!umount && event->flags & FIM_EVENT_ON_MOUNT)
		tell(session, act, event->op, act->point, mount, VIEW_UNKNOWN);
	else if (umount == !mount)
		tell_with_older(session, act, mount);
	mount_table_deinit(&there);
}

// Whether the thread has returned from the call. One that is running cannot be
// asked, and is asked again.
static bool is_over(const struct fim_event *event)
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

static void settle_act(struct session *session, struct session_act *act, bool over)
{
	struct session_act *older;

	if (act->told || !act->relevant || !act->point.data)
		return;
	if (is_elsewhere(session, act->event))
		tell_elsewhere(session, act);
	else if ((older = opposite(act)))
		tell_both(session, act, older);
	if (over && !act->told)
		act->until = act->event->time + ACT_NEAR_NS; // it failed, or was undone
}

static void act_free(struct session_act *act)
{
	free((char *)act->point.data);
	free(act->event);
	free(act);
}

// It failed, if nothing says otherwise.
static void give_up(struct session *session, struct session_act *act, bool early)
{
	if (act->told || !act->relevant || !act->point.data)
		return;
	if (early || (is_undone(session, act) && !is_elsewhere(session, act->event)))
		tell(session, act, act->event->op, act->point, NULL, VIEW_UNKNOWN);
	else
		session->counts[SESSION_FAILED]++;
}

// Acts that are over, or (never, one hopes) too many.
static void drop_acts(struct session *session)
{
	struct session_act **at = &session->acts, *act;
	uint64_t now = tap_now();

	for (unsigned count = 1; (act = *at); count++) {
		if (now < act->until && count <= ACTS) {
			at = &act->next;
			continue;
		}
		give_up(session, act, now < act->until);
		*at = act->next;
		act_free(act);
	}
}

static struct session_act *act_add(struct session *session, const struct fim_event *event,
				   struct bytes point)
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
	act->until = tap_now() + ACT_PATIENCE_NS;
	act->next = session->acts;
	session->acts = act;
	return act;
}

// --- the session's calls -------------------------------------------------

bool mounts_is_act(const struct fim_event *event)
{
	return event->op == FIM_OP_MOUNT || event->op == FIM_OP_UMOUNT;
}

// Whether what it changes may lie where no path of the act leads: where the mount
// was before, or where else the same file system is mounted.
static bool reaches(const struct session *session, const struct fim_event *event)
{
	return !is_elsewhere(session, event) && event->op == FIM_OP_MOUNT &&
	       (event->flags & (FIM_EVENT_MOVED | FIM_EVENT_ON_MOUNT) ||
		event->text[FIM_TEXT_PATH].state == FIM_TEXT_ABSENT);
}

// Its change is looked for after the call is over, or once more.
static void look_for(struct session *session, struct session_act *act)
{
	bool over = is_over(act->event);

	compare_again(session);
	settle_changes(session);
	settle_act(session, act, over);
}

void mounts_act(struct session *session, const struct fim_event *event)
{
	struct bytes point = resolve_mountpoint(session, event);
	bool relevant = cover_touches(session, point) ||
			inode_table_known(&session->inodes, &event->file.id, NULL);
	struct session_act *act;

	if (!relevant && !reaches(session, event))
		return;
	act = act_add(session, event, point);
	if (!act)
		return;
	act->relevant = relevant;
	look_for(session, act);
	drop_acts(session);
}

void mounts_look(struct session *session, uint64_t until)
{
	struct session_act *act;

	if (is_poked(session) && !session->poked)
		session->poked = tap_now();
	// Not before the records of what led to it are told.
	if (session->poked && session->poked < until)
		compare_again(session);
	settle_changes(session);
	for (act = session->acts; act; act = act->next)
		if (!act->told && act->relevant && act->until > act->event->time + ACT_NEAR_NS)
			look_for(session, act);
	drop_acts(session);
}

int mounts_init(struct session *session)
{
	session->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return session->mountinfo < 0 ? -errno : mounts_read(session);
}

void mounts_deinit(struct session *session)
{
	while (session->acts) {
		struct session_act *act = session->acts;

		session->acts = act->next;
		act_free(act);
	}
	while (session->changes) {
		struct session_change *change = session->changes;

		session->changes = change->next;
		free(change);
	}
	if (session->mountinfo >= 0)
		close(session->mountinfo);
	mount_table_deinit(&session->mounts);
}
