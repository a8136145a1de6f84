// SPDX-License-Identifier: GPL-2.0-only
//
// session_cover.c - what is watched once mounts have come or gone.
//
// What is mounted over a watched path is watched by that path; what it covers
// stays watched, and keeps its name. When it is unmounted it is let go, and what
// was covered is looked at, since a mount that was there from the start had never
// let it be seen. When a file system is gone its keys go at once: device numbers
// of tmpfs, overlayfs and their like are given out again within moments.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session_parts.h"
#include "visit.h"

/* A tree that is watched because it was mounted. */
struct session_cover {
	struct session_cover *next;
	uint32_t mount;
	struct fim_id id; /* of its top */
};

static const char mounted[] = "on what was mounted";
static const char uncovered[] = "under what was unmounted";

/* MEMBARRIER_CMD_GLOBAL of linux/membarrier.h, which RHEL 7 need not have. */
#define BARRIER_GLOBAL 1

// A program that found a key just before it was deleted takes its record's time
// after that. This returns when all of them have ended: it is synchronize_rcu()
// (Linux kernel/sched/membarrier.c). Where there is none, such a record is told.
static void await_programs(void)
{
#ifdef __NR_membarrier
	(void)syscall(__NR_membarrier, BARRIER_GLOBAL, 0);
#endif
}

static void drop_device(struct session *session, uint32_t dev)
{
	if (!devices_remove(session, dev))
		return; // nothing on it was watched
	apply_drop_device(session, dev);
	await_programs();
	session->dropped[session->dropped_count++ % SESSION_DROPPED] =
		(struct session_dropped){tap_now(), dev};
}

bool cover_is_stale(struct session *session, const struct fim_event *event)
{
	for (unsigned i = 0; i < SESSION_DROPPED; i++) {
		const struct session_dropped *dropped = &session->dropped[i];

		if ((dropped->dev != event->file.id.dev && dropped->dev != event->file.id.over) ||
		    event->time > dropped->until)
			continue;
		if (event->flags & FIM_EVENT_NEW &&
		    !inode_table_known(&session->inodes, &event->file.id, NULL))
			going_add(session, &event->file.id);
		withhold_count(session, WITHHELD_GONE, event->time);
		return true;
	}
	return false;
}

// --- what is at a path now -----------------------------------------------

static bool identify(struct session *session, const char *path, struct fim_id *ret)
{
	struct scan scan;
	mode_t mode;

	visit_prepare(session, NULL, &scan);
	return scan_identify(&scan, AT_FDCWD, path, 0, ret, &mode) == 0;
}

// Whether it is, for all that is in it.
static bool is_watched(const struct session *session, const struct fim_id *id)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, id, &flags) && !(flags & INODE_NAMES_ONLY);
}

static void cover_add(struct session *session, uint32_t mount, const struct fim_id *id)
{
	struct session_cover *cover = malloc(sizeof(*cover));

	if (!cover) {
		session->counts[SESSION_NO_MEMORY]++;
		return;
	}
	*cover = (struct session_cover){session->covers, mount, *id};
	session->covers = cover;
}

// Something was mounted at `path`, which is a watched one.
static void watch_mounted(struct session *session, const struct mount *mount, const char *path)
{
	struct visit visit = {.root = path, .flags = INODE_MOUNTED};
	struct fim_id id;

	if (!identify(session, path, &id) || is_watched(session, &id))
		return;
	visit_run(session, &visit, path);
	cover_add(session, mount->id, &id);
}

// It has lost the last name by which it was watched. A root is watched anyway.
static bool is_nameless(const struct session *session, const struct fim_id *id)
{
	uint32_t flags;

	return inode_table_known(&session->inodes, id, &flags) && !(flags & INODE_ROOT) &&
	       inode_table_name_count(&session->inodes, id) == 0;
}

// What a mount has covered until now is at `path`. In a watched directory it has
// the name, which may have been that of what was mounted.
static void watch_uncovered(struct session *session, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct bytes name = bytes_of_string(slash + 1);
	char *dir = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	struct fim_id id, dir_id, before = {0};
	struct visit visit = {.root = path};
	bool named = dir && name.length && identify(session, dir, &dir_id) &&
		     is_watched(session, &dir_id);

	free(dir);
	if (!identify(session, path, &id))
		return;
	if (named) {
		visit = (struct visit){.dir = &dir_id, .name = name};
		inode_table_find(&session->inodes, &dir_id, name, &before);
	}
	if (is_watched(session, &id) &&
	    (!named || (before.ino == id.ino && before.dev == id.dev)))
		return;
	visit_run(session, &visit, path);
	if (is_nameless(session, &before))
		apply_let_go(session, &before);
}

// --- what a mount does to a root -----------------------------------------

// A root below the mount point: another one is at its path now.
static void watch_root_again(struct session *session, const struct mount *mount,
			     const struct session_root *root)
{
	struct fim_id id;
	bool there = identify(session, root->path.data, &id);

	if (there && is_watched(session, &id))
		return;
	session_watch(session, root->path.data);
	if (there && mount) {
		inode_table_set_flags(&session->inodes, &id, INODE_MOUNTED, 0);
		cover_add(session, mount->id, &id);
	}
}

static void end_point(struct session *session)
{
	session->found = NULL;
	session_scan_end(session);
}

// Whether it lies in a mount that is not entered, and is not asked for in there: to look at
// it may hang.
static bool is_in_unentered(const struct session *session, struct bytes point)
{
	const struct mount *in = mount_table_at(&session->mounts, point);
	const struct session_root *root = session->roots;

	if (!in || !mount_not_entered(in->kind))
		return false;
	for (; root; root = root->next)
		if (path_is_below(root->path, in->point) && path_is_below(point, root->path))
			return false;
	return true;
}

// A mount came to, or (NULL) went from, `point`.
static void watch_point(struct session *session, const struct mount *mount, struct bytes point)
{
	const struct session_root *root = session->roots;
	bool done = false;

	if (session_learn(session) < 0)
		return;
	session->found = mount ? mounted : uncovered;
	if (!mount) {
		mount = mount_table_on(&session->mounts, point); // one that was under it
		if (mount ? !visit_may_enter(session, point) : is_in_unentered(session, point))
			return end_point(session);
	}
	for (; root; root = root->next) {
		if (!path_is_below(point, root->path)) {
			if (path_is_below(root->path, point))
				watch_root_again(session, mount, root);
		} else if (!done && mount) {
			watch_mounted(session, mount, point.data);
			done = true;
		} else if (!done) {
			watch_uncovered(session, point.data);
			done = true;
		}
	}
	end_point(session);
}

void cover_appeared(struct session *session, const struct mount *mount)
{
	const struct mount *top = mount_table_on(&session->mounts, mount->point);

	if (!roots_touch(session, mount->point) || !top || top->id != mount->id ||
	    !visit_may_enter(session, mount->point))
		return;
	watch_point(session, mount, mount->point);
}

static void let_go(struct session *session, uint32_t mount)
{
	struct session_cover **at = &session->covers, *cover;

	while ((cover = *at)) {
		if (cover->mount != mount) {
			at = &cover->next;
			continue;
		}
		*at = cover->next;
		inode_table_unset_root(&session->inodes, &cover->id);
		inode_table_set_flags(&session->inodes, &cover->id, 0, INODE_MOUNTED);
		if (is_nameless(session, &cover->id))
			apply_let_go(session, &cover->id);
		free(cover);
	}
}

void cover_gone(struct session *session, const struct mount *mount, bool reused)
{
	if (mount_table_of_dev(&session->mounts, mount->dev) <= reused)
		drop_device(session, mount->dev);
	let_go(session, mount->id);
	if (roots_touch(session, mount->point))
		watch_point(session, NULL, mount->point);
}

static struct session_cover *cover_of(const struct session *session, uint32_t mount)
{
	struct session_cover *cover = session->covers;

	while (cover && cover->mount != mount)
		cover = cover->next;
	return cover;
}

void cover_moved(struct session *session, const struct mount *from, struct bytes to)
{
	const struct session_cover *cover = cover_of(session, from->id);
	const struct mount *mount = mount_table_on(&session->mounts, to);

	if (!cover || !roots_touch(session, to)) {
		cover_gone(session, from, false);
		if (mount)
			cover_appeared(session, mount);
		return;
	}
	inode_table_set_root(&session->inodes, &cover->id, to, 0);
	if (roots_touch(session, from->point))
		watch_point(session, NULL, from->point);
}

void cover_deinit(struct session *session)
{
	while (session->covers) {
		struct session_cover *next = session->covers->next;

		free(session->covers);
		session->covers = next;
	}
}
