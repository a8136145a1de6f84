// SPDX-License-Identifier: GPL-2.0-only
//
// older.c - the child of older.h: /proc, read without ever opening a file that
// is not its own.
#include "older.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount_table.h"
#include "scan.h"

#define SIGN_OF_LIFE 256 // descriptors and mappings

struct looker {
	int out;
	pid_t pid;
	unsigned looked;
	struct scan scan;
	const struct mount_table *mounts;
};

static void tell(const struct looker *looker, enum older_kind kind, const struct fim_id *id,
		 mode_t mode)
{
	struct older older = {.kind = kind, .mode = mode, .pid = looker->pid};

	if (id)
		older.id = *id;
	if (write(looker->out, &older, sizeof(older)) != sizeof(older))
		_exit(1); // nobody listens any more
}

// One more: it may take long.
static void go_on(struct looker *looker)
{
	if (++looker->looked % SIGN_OF_LIFE == 0)
		tell(looker, OLDER_PROCESS, NULL, 0);
}

// The type of what a link of /proc leads to. Where the kernel can (Linux: from
// 4.11) the file system is not asked for news of it.
static mode_t type_of(int at, const char *name)
{
	struct stat st;
#ifdef STATX_TYPE
	struct statx stx;

	if (syscall(SYS_statx, at, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) == 0)
		return stx.stx_mode;
#endif
	return fstatat(at, name, &st, AT_NO_AUTOMOUNT) < 0 ? 0 : st.st_mode;
}

static void look_at(struct looker *looker, int at, const char *name, struct bytes path,
		    enum older_kind kind)
{
	const struct mount *mount = mount_table_at(looker->mounts, path);
	struct fim_id id;
	mode_t mode;

	if (mount && (mount->kind == MOUNT_NETWORK || mount->kind == MOUNT_FUSE)) {
		tell(looker, OLDER_SKIPPED, NULL, 0);
		return;
	}
	scan_learn(&looker->scan, &id); // what was looked at before
	mode = type_of(at, name);
	if (S_ISREG(mode) && scan_learn(&looker->scan, &id))
		tell(looker, kind, &id, mode);
}

// A link in /proc/PID/fd has the descriptor's own mode as its permissions.
static void look_at_descriptor(struct looker *looker, int at, const char *name)
{
	char path[PATH_MAX];
	struct stat link;
	ssize_t length;

	go_on(looker);
	if (fstatat(at, name, &link, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(link.st_mode) ||
	    !(link.st_mode & S_IWUSR))
		return;
	length = readlinkat(at, name, path, sizeof(path));
	if (length > 0 && path[0] == '/') // not a socket, a pipe ...
		look_at(looker, at, name, bytes_of(path, (size_t)length), OLDER_WRITER);
}

static void look_at_descriptors(struct looker *looker, int process)
{
	int at = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = at < 0 ? NULL : fdopendir(at);
	struct dirent *d;

	while (stream && (d = readdir(stream)))
		look_at_descriptor(looker, at, d->d_name);
	if (stream)
		closedir(stream);
}

// start-end perms offset major:minor inode path
static void look_at_mapping(struct looker *looker, int at, char *line)
{
	char *path = strchr(line, '/'), perms[5], name[40];
	unsigned long start, end;

	go_on(looker);
	if (!path || sscanf(line, "%lx-%lx %4s", &start, &end, perms) != 3 ||
	    perms[1] != 'w' || perms[3] != 's')
		return;
	path[strcspn(path, "\n")] = '\0';
	snprintf(name, sizeof(name), "%lx-%lx", start, end);
	look_at(looker, at, name, bytes_of_string(path), OLDER_MAPPING);
}

static void look_at_mappings(struct looker *looker, int process)
{
	int at = openat(process, "map_files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int maps = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	FILE *file = maps < 0 ? NULL : fdopen(maps, "r");
	char *line = NULL;
	size_t room = 0;

	while (at >= 0 && file && getline(&line, &room, file) > 0)
		look_at_mapping(looker, at, line);
	free(line);
	if (file)
		fclose(file);
	if (at >= 0)
		close(at);
}

static void look_at_process(struct looker *looker, int proc, const char *name)
{
	int process = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	tell(looker, OLDER_PROCESS, NULL, 0);
	if (process < 0)
		return;
	look_at_descriptors(looker, process);
	look_at_mappings(looker, process);
	close(process);
}

void older_look(int out, int learned, const struct mount_table *mounts, pid_t after)
{
	struct looker looker = {
		.out = out, .mounts = mounts, .scan = {.watched = -1, .learned = learned}};
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = proc < 0 ? NULL : fdopendir(proc);
	struct dirent *d;

	// In the order of their numbers.
	while (stream && (d = readdir(stream))) {
		looker.pid = (pid_t)strtol(d->d_name, NULL, 10);
		if (looker.pid > after && looker.pid != getpid())
			look_at_process(&looker, proc, d->d_name);
	}
	_exit(stream ? 0 : 1);
}
