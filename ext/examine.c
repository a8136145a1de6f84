// SPDX-License-Identifier: GPL-2.0-only
#include "examine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "facts.h"
#include "xattr.h"

#define RETRY_MAX (16u << 20) /* a larger file that moves is not read twice */

// Those that somebody sets; the others tell how the file system stores a file.
#define FLAGS_TOLD 0x6293ccffu

struct examiner {
	struct examine_options *options;
	struct digest *digest;
	struct xattr_room *room;
	char part[CONTENT_PART];
};

struct examiner *examiner_new(struct examine_options *options)
{
	struct examiner *examiner = calloc(1, sizeof(*examiner));

	if (!examiner)
		return NULL;
	examiner->options = options;
	examiner->room = xattr_room_new();
	examiner->digest = options->kind ? digest_new(options->kind) : NULL;
	if (examiner->room && (examiner->digest || !options->kind))
		return examiner;
	examiner_free(examiner);
	return NULL;
}

void examiner_free(struct examiner *examiner)
{
	if (!examiner)
		return;
	digest_free(examiner->digest);
	xattr_room_free(examiner->room);
	free(examiner);
}

int examine_open(int at, const char *name, int flags)
{
	int fd;

	flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	fd = openat(at, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM) // somebody else's file, and not root
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

static void add_flags(int fd, struct buffer *out)
{
	unsigned int flags = 0; // an int in the kernel, whatever the macro says

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FLAGS_TOLD))
		facts_add_number(FACTS_FLAGS, flags & FLAGS_TOLD, out);
}

static int add_content(struct examiner *examiner, int fd, const struct stat *st,
		       struct buffer *out)
{
	unsigned char value[DIGEST_MAX];
	size_t length;
	int error = content_digest(fd, (uint64_t)st->st_size, examiner->digest, examiner->part,
				   &examiner->options->pace);

	if (error == 0)
		error = digest_finish(examiner->digest, value, &length);
	if (error == 0)
		facts_add(FACTS_HASH, bytes_of((const char *)value, length), out);
	return error;
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

#define MOVED 1 /* what was read does not belong together */

// A file or directory, through a descriptor, of which fstat(2) said `st`.
static int examine_fd(struct examiner *examiner, int fd, const struct stat *st,
		      struct buffer *out)
{
	struct stat after;
	int error = 0;

	facts_head(st, out);
	add_flags(fd, out);
	if (S_ISREG(st->st_mode) && examiner->digest)
		error = add_content(examiner, fd, st, out);
	if (error == 0)
		error = xattr_add(examiner->room, fd, NULL, out);
	if (error < 0)
		return error;
	return fstat(fd, &after) < 0 ? -errno : same_state(st, &after) ? 0 : MOVED;
}

// What cannot be opened without waking somebody: links, pipes, sockets, devices.
static int examine_closed(struct examiner *examiner, int at, const char *name, mode_t mode,
			  struct buffer *out)
{
	char path[PATH_MAX + 32];
	ssize_t length;
	int error;

	if (S_ISLNK(mode)) {
		length = readlinkat(at, name, path, PATH_MAX);
		if (length < 0)
			return errno == EINVAL ? MOVED : -errno;
		facts_add(FACTS_TARGET, bytes_of(path, (size_t)length), out);
	}
	if (at == AT_FDCWD)
		return xattr_add(examiner->room, -1, name, out);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", at, name);
	error = xattr_add(examiner->room, -1, path, out);
	return error == -ENOENT ? MOVED : error; // without a /proc nothing is gone
}

static int examine_opened(struct examiner *examiner, int at, const char *name,
			  const struct stat *named, struct buffer *out)
{
	int fd = examine_open(at, name, S_ISDIR(named->st_mode) ? O_DIRECTORY : 0), error;
	struct stat st;

	if (fd == -ELOOP || fd == -ENOTDIR || fd == -ENXIO)
		return MOVED; // it is of another type by now
	if (fd < 0)
		return fd;
	error = fstat(fd, &st) < 0	   ? -errno
		: same_inode(&st, named) ? examine_fd(examiner, fd, &st, out)
					   : MOVED;
	close(fd);
	return error;
}

// One that its directory calls regular needs no look before it is opened.
static bool examine_regular(struct examiner *examiner, int at, const char *name,
			    struct stat *st, struct buffer *out, int *error)
{
	int fd = examine_open(at, name, 0);
	bool regular = fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode);

	if (regular)
		*error = examine_fd(examiner, fd, st, out);
	if (fd >= 0)
		close(fd);
	return regular;
}

static int look(struct examiner *examiner, int at, const char *name, enum examine_hint hint,
		struct stat *st, struct buffer *out)
{
	int error;

	if (hint == EXAMINE_REGULAR && !examiner->options->quick &&
	    examine_regular(examiner, at, name, st, out, &error))
		return error;
	if (fstatat(at, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return -errno;
	facts_head(st, out);
	if (examiner->options->quick || hint == EXAMINE_SHUT)
		return 0;
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		return examine_opened(examiner, at, name, st, out);
	return examine_closed(examiner, at, name, st->st_mode, out);
}

int examine(struct examiner *examiner, int at, const char *name, enum examine_hint hint,
	    struct buffer *out)
{
	struct stat st;
	int error;

	buffer_reset(out);
	error = look(examiner, at, name, hint, &st, out);
	if (error == MOVED && st.st_size <= RETRY_MAX)
		error = look(examiner, at, name, hint, &st, out);
	if (error < 0 && (error == -ENOENT || out->length == 0))
		return error;
	if (error == MOVED)
		facts_add(FACTS_UNSTABLE, bytes_of("", 0), out);
	if (error < 0)
		facts_add_number(FACTS_UNREADABLE, (uint32_t)-error, out);
	if (out->error)
		return out->error;
	if (error == MOVED)
		return S_ISREG(st.st_mode) ? EXAMINE_MOVING : 0;
	return -error;
}

int examine_prefix(struct examiner *examiner, const char *path, uint64_t size,
		   unsigned char *ret, size_t *ret_length)
{
	int fd = examine_open(AT_FDCWD, path, 0), error;

	if (fd < 0)
		return fd;
	error = content_digest(fd, size, examiner->digest, examiner->part,
			       &examiner->options->pace);
	close(fd);
	return error < 0 ? error : digest_finish(examiner->digest, ret, ret_length);
}
