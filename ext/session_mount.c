// SPDX-License-Identifier: GPL-2.0-only
#include "session_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode.h"

/* The record of an act is in the rings before the act is in the table: a change is
 * nobody's once all records were applied that are older than it, or this much younger. */
#define CHANGE_PATIENCE_NS 200000000ull
#define ACTS 1024

// --- changes -------------------------------------------------------------

static void tell_change(struct session *session, struct session_act *act,
			const struct session_change *change)
{
	bool own = act->point.data && act->relevant;

	if (act->relevant || roots_touch(session, change->mount.point))
		act_tell(session, act, change->op, own ? act->point : change->mount.point,
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
	mode_t mode = S_IFDIR;
	struct stat st;

	// A file system of the network may hang.
	if (change->mount.kind == MOUNT_LOCAL && lstat(change->mount.point.data, &st) == 0) {
		id = (struct fim_id){.ino = st.st_ino, .dev = scan_kernel_dev(st.st_dev)};
		mode = st.st_mode;
	}
	emit_found(session, change->mount.point, &id, mode, unasked(change));
}

// Its act is known, or will not be any more. What was only renamed with a
// directory above it has no act either.
static bool settle_change(struct session *session, struct session_change *change)
{
	struct session_act *act = act_of(session, change);

	if (act) {
		// Not moved, but another that was given its numbers.
		change->reused = change->moved && !(act->event->flags & FIM_EVENT_MOVED);
		tell_change(session, act, change);
		return true;
	}
	if (change->moved && act_explains(session, change))
		return true; // the end where it was
	if (session->applied < change->since + CHANGE_PATIENCE_NS)
		return false;
	if (!change->moved && roots_touch(session, change->mount.point) &&
	    !act_explains(session, change))
		tell_unasked(session, change);
	return true;
}

// Told first, then looked at: what is found there comes after it.
static void settle_changes(struct session *session)
{
	struct session_change *change = session->changes;

	for (; change; change = change->next)
		change->settled = change->settled || settle_change(session, change);
	changes_cover(session);
	changes_drop_settled(session);
}

// --- acts that left no change --------------------------------------------

// Mounted and unmounted before anybody looked, or the reverse with another file
// system that got the same numbers: if nothing else has changed, it was that.
static void tell_both(struct session *session, struct session_act *act, struct session_act *older)
{
	enum view_result result = older->undone ? VIEW_SUCCESS : VIEW_UNKNOWN;
	const struct mount *mount = mount_table_on(&session->mounts, act->point);

	act_tell(session, older, older->event->op, older->point, mount, result);
	act_tell(session, act, act->event->op, act->point, mount, result);
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
	struct session_act *older = act_opposite(act);

	if (older)
		act_tell(session, older, older->event->op, older->point, mount, VIEW_SUCCESS);
	act_tell(session, act, act->event->op, act->point, mount, VIEW_SUCCESS);
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
		act_tell(session, act, event->op, act->point, NULL, VIEW_UNKNOWN);
		return;
	}
	mount = mount_table_covering(&there, way_device(session, &event->file.id), inside,
				     session->text[0], EVENT_PATH_SIZE);
	if (!umount && event->flags & FIM_EVENT_ON_MOUNT)
		act_tell(session, act, event->op, act->point, mount, VIEW_UNKNOWN);
	else if (umount == !mount)
		tell_with_older(session, act, mount);
	mount_table_deinit(&there);
}

// It failed, or was undone: then mounts have changed since, if only for a moment.
static void wait_for_opposite(struct session *session, struct session_act *act)
{
	bool elsewhere = act_is_elsewhere(session, act->event);
	bool poked = act->event->time <= session->poked_until;

	act->until = elsewhere || poked ? act->event->time + ACT_NEAR_NS : 0;
	act->undone = !elsewhere && poked && session->poked_for_nothing;
}

static void settle_act(struct session *session, struct session_act *act, bool over)
{
	struct session_act *older;

	if (act->told || !act->relevant || !act->point.data)
		return;
	if (act_is_elsewhere(session, act->event))
		tell_elsewhere(session, act);
	else if (act->event->time <= session->poked_until && (older = act_opposite(act)))
		tell_both(session, act, older);
	if (over && !act->told)
		wait_for_opposite(session, act);
}

// It failed, if nothing says otherwise.
static void give_up(struct session *session, struct session_act *act, bool early)
{
	if (act->told || !act->relevant || !act->point.data)
		return;
	if (early || act->undone)
		act_tell(session, act, act->event->op, act->point, NULL, VIEW_UNKNOWN);
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

// --- the session's calls -------------------------------------------------

bool mounts_is_act(const struct fim_event *event)
{
	return event->op == FIM_OP_MOUNT || event->op == FIM_OP_UMOUNT;
}

// Whether what it changes may lie where no path of the act leads: where the mount
// was before, or where else the same file system is mounted.
static bool reaches(const struct session *session, const struct fim_event *event)
{
	return !act_is_elsewhere(session, event) && event->op == FIM_OP_MOUNT &&
	       (event->flags & (FIM_EVENT_MOVED | FIM_EVENT_ON_MOUNT) ||
		event->text[FIM_TEXT_PATH].state == FIM_TEXT_ABSENT);
}

// Its change is looked for after the call is over, or once more.
static void look_for(struct session *session, struct session_act *act)
{
	bool over = act_is_over(act->event);

	changes_compare(session);
	settle_changes(session);
	settle_act(session, act, over);
}

void mounts_act(struct session *session, const struct fim_event *event)
{
	struct bytes point = resolve_mountpoint(session, event);
	struct fim_id covered = event->file.id;
	struct session_act *act;
	bool relevant;

	way_find(session, &covered);
	relevant = roots_touch(session, point) ||
		   inode_table_known(&session->inodes, &covered, NULL);
	if (!relevant && !reaches(session, event))
		return;
	act = act_add(session, event, point, relevant);
	if (!act)
		return;
	look_for(session, act);
	drop_acts(session);
}

// Acts that were not over when they were looked at.
static void look_again(struct session *session)
{
	struct session_act *act = session->acts;

	for (; act; act = act->next)
		if (!act->told && act->relevant && act->until > act->event->time + ACT_NEAR_NS)
			look_for(session, act);
}

static bool take_poke(struct session *session)
{
	if (changes_poked(session) && !session->poked)
		session->poked = tap_now();
	return session->poked != 0;
}

void mounts_follow(struct session *session)
{
	if (session->acts && take_poke(session))
		look_again(session);
}

void mounts_look(struct session *session, uint64_t until)
{
	session->applied = until;
	// Not before the records of what led to it are told.
	if (take_poke(session) && session->poked < until)
		changes_compare(session);
	settle_changes(session);
	look_again(session);
	drop_acts(session);
}

void mounts_refresh(struct session *session)
{
	changes_compare(session);
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
	changes_deinit(session);
	if (session->mountinfo >= 0)
		close(session->mountinfo);
	mount_table_deinit(&session->mounts);
}
