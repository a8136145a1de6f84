// SPDX-License-Identifier: GPL-2.0-only
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "absent.h"
#include "bpf_map.h"
#include "tree.h"

uint32_t scan_kernel_dev(dev_t dev)
{
	return (major(dev) << 20) | (minor(dev) & 0xfffff);
}

// The outermost of the new calls.
bool scan_learn(struct scan *scan, struct fim_id *ret)
{
	struct fim_learned learned;
	uint32_t zero = 0;
	uint64_t before = scan->calls;

	if (scan->learned < 0 || bpf_map_lookup(scan->learned, &zero, &learned) < 0)
		return false;
	scan->calls = learned.calls;
	if (learned.calls == before || learned.calls - before > FIM_LEARN_SLOTS)
		return false;
	*ret = learned.slot[before % FIM_LEARN_SLOTS];
	scan->generation = learned.generation[before % FIM_LEARN_SLOTS];
	return true;
}

static bool is_btrfs(int at, const char *name)
{
	struct statfs st;

	return (at == AT_FDCWD ? statfs(name, &st) : fstatfs(at, &st)) == 0 &&
	       st.f_type == BTRFS_SUPER_MAGIC;
}

int scan_identify(struct scan *scan, int at, const char *name, int flags,
		  struct fim_id *ret, mode_t *mode)
{
	struct stat *st = &scan->st;
	struct fim_id earlier;

	scan->subvolume = false;
	scan_learn(scan, &earlier); // of other stats of this thread, such as fdopendir's
	scan->generation = 0;
	if (fstatat(at, name, st, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return -errno;
	*mode = st->st_mode;
	*ret = (struct fim_id){.ino = st->st_ino, .dev = scan_kernel_dev(st->st_dev)};
	scan->uncounted = !scan_learn(scan, ret);
	if (scan->uncounted)
		scan->unlearned++;
	else if (!ret->over && ret->dev != scan_kernel_dev(st->st_dev))
		scan->subvolume = is_btrfs(at, name);
	if (scan->subvolume)
		ret->over = minor(st->st_dev);
	scan->scanned++;
	return 0;
}

struct fim_id scan_key(const struct fim_id *id)
{
	return (struct fim_id){.ino = id->ino, .dev = id->dev};
}

// An overlay is watched from the first of its inodes on; where the canary alone needs it,
// the hooks are told so (bpf_c/overlay.c).
static int insert_overlay(struct scan *scan, uint32_t over, uint32_t canary)
{
	struct fim_id key = {.dev = over};
	struct fim_watched value = {.flags = canary};
	int error;

	if (over == scan->over)
		return 0;
	error = absent_let_all(scan->absent);
	if (error == 0)
		error = canary ? bpf_map_insert(scan->watched, &key, &value)
			       : bpf_map_update(scan->watched, &key, &value);
	if (error == -EEXIST)
		return 0;
	if (error == 0 && !canary)
		scan->over = over;
	return error;
}

int scan_insert_overlay(struct scan *scan, uint32_t over)
{
	return insert_overlay(scan, over, 0);
}

// What hooks have counted they do not take back if it is gone by now, and made anew here.
static int update(const struct scan *scan, const struct fim_id *key, struct fim_watched *value)
{
	value->flags &= ~FIM_WATCH_COUNTED;
	return bpf_map_update(scan->watched, key, value);
}

// By another name it may lie in fewer: what is wanted by any is told.
static int narrow(struct scan *scan, const struct fim_id *key)
{
	struct fim_watched value;

	if (!scan->spots || bpf_map_lookup(scan->watched, key, &value) < 0 ||
	    !(value.spots & ~scan->bears))
		return 0;
	value.spots &= scan->bears;
	return update(scan, key, &value);
}

int scan_insert(struct scan *scan, const struct fim_id *id, uint32_t flags)
{
	struct fim_watched value = {.flags = flags | scan->fresh, .spots = scan->bears};
	struct fim_id key = scan_key(id);
	int error;

	error = id->over && !scan->subvolume
			? insert_overlay(scan, id->over, flags & FIM_WATCH_CANARY)
			: 0;
	if (error == 0 && scan->uncounted)
		error = absent_let_all(scan->absent);
	if (error == 0)
		error = bpf_map_insert(scan->watched, &key, &value);
	if (error == -EEXIST && flags != 0 &&
	    bpf_map_lookup(scan->watched, &key, &value) == 0 &&
	    (value.flags & flags) != flags) {
		// Known for less than it is wanted for now, such as a directory of
		// which only some names were.
		if (flags & FIM_WATCH_INHERIT) {
			value.flags &= ~(uint32_t)FIM_WATCH_NAMES;
			value.spots = scan->bears;
		}
		value.flags |= flags;
		return update(scan, &key, &value);
	}
	if (error == -EEXIST)
		return narrow(scan, &key);
	return error == -E2BIG || error == -ENOMEM ? -ENOSPC : error < 0 ? error : 1;
}

static uint32_t key_flags(struct scan *scan, const struct scan_entry *entry)
{
	uint32_t flags = scan->flags ? scan->flags(scan->context, &entry->id) : 0;

	return S_ISDIR(entry->mode) ? flags | FIM_WATCH_INHERIT : flags;
}

static bool may_enter(struct scan *scan, struct scan_entry *entry)
{
	entry->path = buffer_bytes(&scan->path);
	return scan->enter(scan->context, entry);
}

static void tell_unreadable(struct scan *scan, struct scan_entry *entry, int error)
{
	entry->path = buffer_bytes(&scan->path);
	scan->unreadable(scan->context, entry, error);
}

// Key in, then told. Returns 0 or what ends the scan.
static int scan_one(struct scan *scan, struct scan_entry *entry)
{
	int inserted, error;

	scan->bears = scan->spots ? scan->spots(scan->context, buffer_bytes(&scan->path)) : 0;
	inserted = scan_insert(scan, &entry->id, key_flags(scan, entry));
	if (inserted < 0)
		return inserted;
	entry->inserted = inserted == 1;
	entry->subvolume = scan->subvolume;
	entry->path = buffer_bytes(&scan->path);
	entry->st = &scan->st;
	entry->generation = scan->generation;
	error = scan->entry(scan->context, entry);
	if (error == 0 && scan->scanned % SCAN_PUMP == 0)
		error = scan->pump(scan->context);
	return error;
}

struct subdirectory {
	struct subdirectory *next;
	char name[];
};

static int remember(struct subdirectory **list, const char *name)
{
	size_t length = strlen(name) + 1;
	struct subdirectory *sub = malloc(sizeof(*sub) + length);

	if (!sub)
		return -ENOMEM;
	memcpy(sub->name, name, length);
	sub->next = *list;
	*list = sub;
	return 0;
}

static void forget_all(struct subdirectory *list)
{
	while (list) {
		struct subdirectory *next = list->next;

		free(list);
		list = next;
	}
}

// A subdirectory waits until this one is read to its end, anything else is done
// here.
static int look_at(struct scan *scan, int fd, struct scan_entry *entry, struct subdirectory **subs)
{
	const char *name = entry->name.data;
	int error;

	if (!may_enter(scan, entry))
		return 0;
	error = scan_identify(scan, fd, name, 0, &entry->id, &entry->mode);
	if (error == -ENOENT)
		return 0; // gone again; its removal is a record
	if (error < 0) {
		tell_unreadable(scan, entry, error);
		return 0;
	}
	return S_ISDIR(entry->mode) ? remember(subs, name) : scan_one(scan, entry);
}

static int scan_name(struct scan *scan, int fd, const struct fim_id *dir, const char *name,
		     struct subdirectory **subs)
{
	struct scan_entry entry = {.dir = dir, .name = bytes_of_string(name)};
	size_t length = tree_push(&scan->path, name);
	int error = look_at(scan, fd, &entry, subs);

	scan->path.length = length;
	return error;
}

static int scan_names(struct scan *scan, int fd, const struct fim_id *dir,
		      struct subdirectory **subs)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	if (!stream) {
		error = -errno;
		if (copy >= 0)
			close(copy);
		return error;
	}
	while (error == 0 && (errno = 0, d = readdir(stream)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			error = scan_name(scan, fd, dir, d->d_name, subs);
	if (error == 0 && errno != 0)
		error = -errno;
	closedir(stream);
	return error;
}

static int scan_directory(struct scan *scan, int at, const char *name,
			  struct scan_entry *entry);

static int scan_subdirectories(struct scan *scan, int fd, const struct fim_id *dir,
			       const struct subdirectory *subs)
{
	int error = 0;

	for (; error == 0 && subs; subs = subs->next) {
		struct scan_entry entry = {.dir = dir, .name = bytes_of_string(subs->name)};

		size_t length = tree_push(&scan->path, subs->name);

		error = scan_directory(scan, fd, subs->name, &entry);
		scan->path.length = length;
	}
	return error;
}

// What is in an open directory whose key is in.
static int scan_contents(struct scan *scan, int fd, struct scan_entry *entry)
{
	struct subdirectory *subs = NULL;
	int error = scan_names(scan, fd, &entry->id, &subs);

	if (error < 0 && error != -ENOSPC && error != -ENOMEM) {
		tell_unreadable(scan, entry, error);
		error = 0;
	}
	if (error == 0)
		error = scan_subdirectories(scan, fd, &entry->id, subs);
	forget_all(subs);
	return error;
}

static int scan_directory(struct scan *scan, int at, const char *name, struct scan_entry *entry)
{
	int fd = -1, error;

	if (scan->depth >= TREE_DEPTH_MAX || scan->path.length >= TREE_PATH_MAX)
		errno = ENAMETOOLONG;
	else
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		error = -errno;
		if (error != -ENOENT && error != -ENOTDIR && error != -ELOOP)
			tell_unreadable(scan, entry, error);
		return 0;
	}
	error = scan_identify(scan, fd, "", AT_EMPTY_PATH, &entry->id, &entry->mode);
	if (error == 0)
		error = scan_one(scan, entry);
	scan->depth++;
	if (error == 0)
		error = scan_contents(scan, fd, entry);
	scan->depth--;
	close(fd);
	return error;
}

int scan_tree(struct scan *scan, const char *path)
{
	struct scan_entry top = {.name = bytes_of_string(path)};
	int error = scan_identify(scan, AT_FDCWD, path, 0, &top.id, &top.mode);

	if (error < 0)
		return error;
	buffer_add_string(&scan->path, path);
	error = S_ISDIR(top.mode) ? scan_directory(scan, AT_FDCWD, path, &top)
				  : scan_one(scan, &top);
	if (error == 0)
		error = scan->path.error;
	buffer_deinit(&scan->path);
	return error;
}
