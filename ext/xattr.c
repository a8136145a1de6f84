// SPDX-License-Identifier: GPL-2.0-only
#include "xattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "facts.h"

#define FEW 512 /* what most fit in; the kernel allocates what is asked for */
#define NAMES_MAX (XATTR_LIST_MAX / sizeof("user.a")) /* so many fit the kernel's list */

struct xattr_room {
	char list[XATTR_LIST_MAX];
	const char *names[NAMES_MAX];
	size_t count;
	char value[XATTR_NAME_MAX + 1 + XATTR_SIZE_MAX]; /* name, NUL, value */
};

static const struct {
	const char *name;
	enum facts_attribute attribute;
} own[] = {
	{"system.posix_acl_access", FACTS_ACL},
	{"system.posix_acl_default", FACTS_DEFAULT_ACL},
	{"security.selinux", FACTS_LABEL},
	{"security.capability", FACTS_CAPABILITY},
};

#define OWN (sizeof(own) / sizeof(*own))

struct xattr_room *xattr_room_new(void)
{
	return malloc(sizeof(struct xattr_room));
}

void xattr_room_free(struct xattr_room *room)
{
	free(room);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void split(struct xattr_room *room, size_t length)
{
	room->count = 0;
	for (size_t at = 0; at < length && room->count < NAMES_MAX;
	     at += strlen(room->list + at) + 1)
		room->names[room->count++] = room->list + at;
	qsort(room->names, room->count, sizeof(*room->names), by_name);
}

static ssize_t get_into(int fd, const char *path, const char *name, char *value, size_t room)
{
	ssize_t length = fd >= 0 ? fgetxattr(fd, name, value, room)
				 : lgetxattr(path, name, value, room);

	return length < 0 ? -errno : length;
}

static ssize_t get(int fd, const char *path, const char *name, char *value)
{
	ssize_t length = get_into(fd, path, name, value, FEW);

	return length == -ERANGE ? get_into(fd, path, name, value, XATTR_SIZE_MAX) : length;
}

static ssize_t list_into(int fd, const char *path, char *list, size_t room)
{
	ssize_t length = fd >= 0 ? flistxattr(fd, list, room) : llistxattr(path, list, room);

	return length < 0 ? -errno : length;
}

static ssize_t list(int fd, const char *path, char *list)
{
	ssize_t length = list_into(fd, path, list, FEW);

	return length == -ERANGE ? list_into(fd, path, list, XATTR_LIST_MAX) : length;
}

static const char *take(struct xattr_room *room, const char *name)
{
	for (size_t i = 0; i < room->count; i++)
		if (room->names[i] && strcmp(room->names[i], name) == 0) {
			room->names[i] = NULL;
			return name;
		}
	return NULL;
}

static int add_own(struct xattr_room *room, int fd, const char *path, struct buffer *out)
{
	for (size_t i = 0; i < OWN; i++) {
		ssize_t length;

		if (!take(room, own[i].name))
			continue;
		length = get(fd, path, own[i].name, room->value);
		if (length >= 0)
			facts_add(own[i].attribute, bytes_of(room->value, (size_t)length), out);
		else if (length != -ENODATA) // it was just removed
			return (int)length;
	}
	return 0;
}

static int add_other(struct xattr_room *room, int fd, const char *path, struct buffer *out)
{
	for (size_t i = 0; i < room->count; i++) {
		const char *name = room->names[i];
		size_t before = name ? strlen(name) + 1 : 0;
		ssize_t length;

		if (!name)
			continue;
		memcpy(room->value, name, before);
		length = get(fd, path, name, room->value + before);
		if (length >= 0)
			facts_add(FACTS_XATTR, bytes_of(room->value, before + (size_t)length), out);
		else if (length != -ENODATA)
			return (int)length;
	}
	return 0;
}

int xattr_add(struct xattr_room *room, int fd, const char *path, struct buffer *out)
{
	ssize_t length = list(fd, path, room->list);
	int error;

	if (length < 0)
		return length == -ENOTSUP || length == -ENOSYS ? 0 : (int)length;
	if (length == 0)
		return 0;
	split(room, (size_t)length);
	error = add_own(room, fd, path, out);
	return error == 0 ? add_other(room, fd, path, out) : error;
}
