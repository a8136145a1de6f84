// SPDX-License-Identifier: GPL-2.0-only
//
// session_watch.c - what is watched: scans, and names that are not there yet.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_map.h"
#include "decode.h"
#include "probe.h"
#include "session_parts.h"
#include "visit.h"

struct tap *session_newest(const struct session *session)
{
	return session->taps[1] ? session->taps[1] : session->taps[0];
}

int session_drain(struct session *session)
{
	int error = 0;

	__atomic_add_fetch(&session->drains, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; error >= 0 && i < SESSION_TAPS; i++)
		if (session->taps[i])
			error = tap_drain(session->taps[i], 0);
	return error < 0 ? error : 0;
}

int session_scanner(struct session *session, uint32_t tid, uint32_t mark)
{
	struct fim_settings settings = {tid, session->mnt_ns_offset, mark, 0};
	const struct tap *tap = session_newest(session);
	uint32_t zero = 0;

	return tap ? bpf_map_update(tap->maps.settings, &zero, &settings) : -EINVAL;
}

// Where in struct mnt_namespace the inode number is: where our own is.
static void find_mnt_ns(struct session *session)
{
	struct fim_learned learned;
	struct scan scan;
	uint32_t zero = 0;
	struct fim_id id;
	mode_t mode;

	visit_prepare(session, NULL, &scan);
	if (scan.learned < 0 || scan_identify(&scan, AT_FDCWD, "/", 0, &id, &mode) < 0 ||
	    bpf_map_lookup(scan.learned, &zero, &learned) < 0)
		return;
	for (uint32_t i = 1; i < FIM_MNT_NS_BYTES / 4; i++)
		if (learned.mnt_ns[i] == session->mnt_ns && session->mnt_ns)
			session->mnt_ns_offset = i * 4;
}

int session_scan_begin(struct session *session)
{
	mounts_refresh(session);
	return session_learn(session);
}

// What this thread stats from now on is learned, and counted: it may be inserted.
static int learn_of_us(struct session *session)
{
	return session_scanner(session, (uint32_t)syscall(__NR_gettid), FIM_WATCH_COUNTED);
}

static void serve(struct session *session)
{
	struct tap *tap = session_newest(session);

	if (!tap->absent.tried && session->learn_probes[0] > 0)
		absent_serve(&tap->absent, tap->maps.settings, tap->maps.learned);
}

int session_learn(struct session *session)
{
	int error = learn_of_us(session);

	if (error < 0)
		return error;
	if (session->learn_probes[0] > 0)
		return 0;
	for (unsigned i = 0; i < SESSION_LEARN && session->learn_functions[i]; i++)
		session->learn_probes[i] = probe_attach(session->learn_functions[i],
							session->learn_program);
	find_mnt_ns(session);
	serve(session);
	return learn_of_us(session);
}

void session_unlearn(struct session *session)
{
	for (unsigned i = 0; i < SESSION_LEARN; i++) {
		if (session->learn_probes[i] > 0)
			close(session->learn_probes[i]);
		session->learn_probes[i] = 0;
	}
}

int session_unlearned(struct session *session)
{
	if (session->keep_learning)
		return 0;
	session_unlearn(session);
	return session_scanner(session, 0, 0);
}

int session_scan_end(struct session *session)
{
	session->scanned_until = tap_now();
	return session_unlearned(session);
}

void session_hold(struct session *session, bool hold)
{
	session->held = hold;
}

int watch_wanted(struct session *session, const struct fim_id *dir, const char *name)
{
	struct fim_wanted key = {.dir = scan_key(dir)};
	uint32_t one = 1;

	strncpy(key.name, name, sizeof(key.name) - 1);
	return bpf_map_update(session_newest(session)->maps.wanted, &key, &one);
}

static int want(struct session *session, const struct fim_id *dir, const char *name)
{
	size_t length = strlen(name);
	struct session_wanted *wanted;

	if (apply_wants(session, dir, bytes_of(name, length)))
		return 0;
	wanted = malloc(sizeof(*wanted) + length + 1);
	if (!wanted)
		return -ENOMEM;
	wanted->dir = *dir;
	wanted->length = length;
	memcpy(wanted->name, name, length + 1);
	wanted->next = session->wanted;
	session->wanted = wanted;
	return 0;
}

// The directory `dir` is watched for the name `name`, unless it is anyway.
static int watch_name(struct session *session, const char *dir, const char *name,
		      struct fim_id *ret)
{
	struct scan scan;
	uint32_t known;
	mode_t mode;
	int error;

	visit_prepare(session, NULL, &scan);
	error = scan_identify(&scan, AT_FDCWD, dir, 0, ret, &mode);
	if (error < 0)
		return error;
	if (ret->over && way_seen(session, ret->over, scan.subvolume) < 0)
		return -ENOMEM;
	if (inode_table_known(&session->inodes, ret, &known) && !(known & INODE_NAMES_ONLY))
		return 0;
	error = scan_insert(&scan, ret, FIM_WATCH_NAMES);
	if (error < 0)
		return error;
	error = inode_table_set_root(&session->inodes, ret, bytes_of_string(dir),
				     INODE_DIR | INODE_NAMES_ONLY);
	if (error == 0)
		error = watch_wanted(session, ret, name);
	return error < 0 ? error : want(session, ret, name);
}

static int watch_file(struct session *session, const char *path)
{
	struct visit visit = {0};
	char *dir = strdup(path), *slash;
	struct fim_id id;
	int error;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	visit.name = bytes_of_string(path + (slash - dir) + 1);
	*slash = '\0';
	error = watch_name(session, *dir ? dir : "/", visit.name.data, &id);
	visit.dir = &id;
	if (error >= 0)
		error = visit_run(session, &visit, path);
	free(dir);
	if (error == 0 || error == -ENOENT)
		error = above_watch(session, path);
	return error;
}

int session_watch(struct session *session, const char *path)
{
	struct visit visit = {.root = path};
	struct stat st;
	int error = roots_add(session, bytes_of_string(path));

	if (error < 0)
		return error;
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return watch_file(session, path);
	error = visit_run(session, &visit, path);
	return error < 0 ? error : above_watch(session, path);
}

int session_spot(struct session *session, const char *path, uint32_t bits)
{
	return spots_add(&session->spots, path, bits);
}

int session_watch_nothing(struct session *session)
{
	int watched = session_newest(session)->maps.watched;
	struct fim_id id;
	int error;

	while ((error = bpf_map_next(watched, NULL, &id)) == 0)
		bpf_map_delete(watched, &id); // or the kernel was faster
	return error == -ENOENT ? 0 : error;
}

static const char moved_in[] = "in a directory that was moved in";

void watch_appeared(struct session *session, const struct fim_view *view)
{
	const struct fim_event *event = view->event;
	bool rename = event->op == FIM_OP_RENAME;
	struct visit visit = {
		.dir = rename ? &event->dir2 : &event->dir,
		.name = event_leaf(event, rename ? FIM_TEXT_PATH2 : FIM_TEXT_PATH),
	};
	struct bytes copy;

	if (!view->path.data || !view->path_complete || session_scan_begin(session) < 0)
		return;
	copy = bytes_of(memcpy(session->text[5], view->path.data, view->path.length),
			view->path.length);
	session->text[5][copy.length] = '\0';
	if (S_ISDIR(event->file.mode) && event->op != FIM_OP_MKDIR)
		session->found = moved_in;
	visit_run(session, &visit, session->text[5]);
	session->found = NULL;
	session_scan_end(session);
}

void session_unread(struct session *session, const struct fim_id *id)
{
	if (session->unread_count && same_id(&session->unread[session->unread_count - 1], id))
		return; // by each of its names
	if (session->unread_count == session->unread_room) {
		size_t room = session->unread_room ? session->unread_room * 2 : 64;
		struct fim_id *unread = realloc(session->unread, room * sizeof(*unread));

		if (!unread) {
			session->counts[SESSION_REFUSED]++;
			return;
		}
		session->unread = unread;
		session->unread_room = room;
	}
	session->unread[session->unread_count++] = *id;
}

// By a name that it has now; in session->text[5], with a NUL.
static bool path_of(struct session *session, const struct fim_id *id, struct fim_id *ret_dir,
		    struct bytes *ret_name, struct bytes *ret)
{
	struct inode_cursor cursor = inode_table_names(&session->inodes, id);

	return inode_table_next_name(&session->inodes, &cursor, ret_dir, ret_name) &&
	       inode_table_path_in(&session->inodes, ret_dir, *ret_name, session->text[5],
				   EVENT_PATH_SIZE, ret) == 0;
}

// Something is mounted on it: once that is gone it is read.
static bool is_covered(struct session *session, const struct fim_id *id)
{
	struct bytes name, path;
	struct fim_id dir;

	return path_of(session, id, &dir, &name, &path) && mount_table_on(&session->mounts, path);
}

static bool some_can_be_read(struct session *session)
{
	for (size_t i = 0; i < session->unread_count; i++)
		if (!is_covered(session, &session->unread[i]))
			return true;
	return false;
}

// Read one directory by the name it has now. Whether that is settled: it was
// read, refuses to be, is excluded by now, or has no name (any more).
static bool read_one(struct session *session, const struct fim_id *id)
{
	struct visit visit = {0};
	struct bytes name, path;
	char copy[NAME_MAX + 1]; // the table may move its names while it grows
	struct fim_id dir;
	int error;

	if (!path_of(session, id, &dir, &name, &path) || exclude_covers(&session->exclude, path))
		return true;
	if (mount_table_on(&session->mounts, path))
		return false;
	visit.dir = &dir;
	visit.name = bytes_of(memcpy(copy, name.data, name.length), name.length);
	error = visit_run(session, &visit, path.data);
	return visit.refused || (error == 0 && visit.top.ino == id->ino && visit.top.dev == id->dev);
}

void watch_unread(struct session *session)
{
	size_t left = 0;

	if (!some_can_be_read(session) || session_scan_begin(session) < 0)
		return;
	session->found = moved_in;
	for (size_t i = 0; i < session->unread_count; i++) {
		struct fim_id id = session->unread[i]; // the list may grow and move

		if (!read_one(session, &id))
			session->unread[left++] = id;
	}
	session->unread_count = left;
	session->found = NULL;
	session_scan_end(session);
}
