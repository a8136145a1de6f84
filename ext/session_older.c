// SPDX-License-Identifier: GPL-2.0-only
//
// session_older.c - what watched inodes are open for writing since before the
// monitor: a child looks (older.h), this listens.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode.h"
#include "older.h"
#include "session_parts.h"

#define SILENCE_MS 2000 // then a process hangs who looks at it ...
#define SILENCES 5      // ... and after so many the rest is not looked at
#define STEP_MS 50

static const struct {
	uint32_t flag;
	const char *reason;
} before[] = {
	[OLDER_WRITER] = {INODE_OPEN_BEFORE, "open for writing before the monitor started"},
	[OLDER_MAPPING] = {INODE_MAPPED_BEFORE,
			   "mapped shared and writable before the monitor started"},
};

static void heard(struct session *session, struct older *older, bool tell)
{
	struct bytes path = {NULL, 0};
	uint32_t known;

	if (older->kind == OLDER_SKIPPED)
		session->counts[SESSION_NOT_LOOKED]++;
	way_find(session, &older->id);
	if (older->kind == OLDER_SKIPPED || older->kind == OLDER_PROCESS ||
	    !inode_table_known(&session->inodes, &older->id, &known) ||
	    known & before[older->kind].flag || session_is_own(session, &older->id))
		return;
	inode_table_set_flags(&session->inodes, &older->id, before[older->kind].flag, 0);
	if (!tell)
		return;
	session->counts[SESSION_OLDER]++;
	inode_table_path(&session->inodes, &older->id, session->text[4], EVENT_PATH_SIZE, &path);
	emit_found(session, path, &older->id, older->mode, before[older->kind].reason);
}

// The rings must not fill meanwhile. 0 the child has ended, -ETIMEDOUT it hangs
// at the process `at`.
static int listen_to(struct session *session, int in, pid_t *at, bool tell)
{
	struct pollfd fd = {in, POLLIN, 0};
	struct older older;
	int silence = 0, error = 0;

	while (error == 0 && silence < SILENCE_MS) {
		if (poll(&fd, 1, STEP_MS) <= 0) {
			silence += STEP_MS;
			error = session_drain(session);
			continue;
		}
		silence = 0;
		if (read(in, &older, sizeof(older)) != sizeof(older))
			return 0;
		*at = (pid_t)older.pid;
		heard(session, &older, tell);
		if (older.kind == OLDER_PROCESS)
			error = session_drain(session);
	}
	return error < 0 ? error : -ETIMEDOUT;
}

// A child that hangs for ever must not keep anything of ours in the kernel.
static void close_others(int one, int other)
{
	DIR *stream = opendir("/proc/self/fd");
	struct dirent *d;

	while (stream && (d = readdir(stream))) {
		int fd = atoi(d->d_name);

		if (fd > 2 && fd != one && fd != other && fd != dirfd(stream))
			close(fd);
	}
	if (stream)
		closedir(stream);
}

static pid_t start_child(struct session *session, pid_t after, int *ret)
{
	int learned = session_newest(session)->maps.learned, ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		session_scanner(session, (uint32_t)syscall(__NR_gettid), FIM_WATCH_OPEN_BEFORE);
		close_others(ends[1], learned);
		older_look(ends[1], learned, &session->mounts, after);
	}
	close(ends[1]);
	if (child < 0)
		close(ends[0]);
	*ret = ends[0];
	return child < 0 ? -EAGAIN : child;
}

// Its status. One that hangs in the kernel does not die: it is left to init.
static int end_of(pid_t child, bool hangs)
{
	int status = 0, waited = 0;

	if (!hangs)
		return waitpid(child, &status, 0) == child ? status : 0;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, WNOHANG) == 0 && (waited += STEP_MS) < SILENCE_MS)
		poll(NULL, 0, STEP_MS);
	return 0;
}

// All processes above `at`, as far as it goes.
static int look_from(struct session *session, pid_t *at, bool tell)
{
	int in = -1, status, error;
	pid_t child = start_child(session, *at, &in);

	if (child < 0)
		return child;
	error = listen_to(session, in, at, tell);
	close(in);
	status = end_of(child, error < 0);
	return error == 0 && status ? -ECHILD : error;
}

static void emit_hung(struct session *session, pid_t pid, int silences)
{
	struct buffer where = {0};

	buffer_add_string(&where, "/proc/");
	buffer_add_number(&where, (uint64_t)pid, 10, 0);
	emit_error(session, buffer_bytes(&where),
		   silences < SILENCES ? "looking at its descriptors hangs: given up"
				       : "looking at its descriptors hangs: given up, and all processes above it");
	buffer_deinit(&where);
}

static int look_at_all(struct session *session, bool tell)
{
	int error = -ETIMEDOUT;
	pid_t at = 0;

	for (int silences = 1; error == -ETIMEDOUT && silences <= SILENCES; silences++) {
		error = look_from(session, &at, tell);
		if (error == -ETIMEDOUT)
			emit_hung(session, at, silences);
	}
	return error;
}

static void emit_not_looked(struct session *session, const char *why)
{
	emit_error(session, bytes_of_string("looking for descriptors older than the monitor"), why);
}

int session_find_older(struct session *session, bool tell)
{
	int error = session_scan_begin(session);

	if (error < 0)
		return error;
	if (session->learn_probes[0] <= 0)
		emit_not_looked(session, "no hook tells of a stat");
	else if ((error = look_at_all(session, tell)) < 0 && error != -ETIMEDOUT)
		emit_not_looked(session, strerror(-error));
	if (tell && session->counts[SESSION_NOT_LOOKED])
		emit_withheld(session, "not looked at: open on a network file system or FUSE",
			      bytes_of(NULL, 0), session->counts[SESSION_NOT_LOOKED], tap_now());
	return session_scan_end(session);
}
