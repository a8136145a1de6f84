// SPDX-License-Identifier: GPL-2.0-only
//
// session_device.c - the file systems on which something is watched, and the
// block devices below them, which have keys of their own in the hash.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "block_device.h"
#include "bpf_map.h"
#include "session_parts.h"

struct session_device {
	struct session_device *next;
	uint32_t dev; /* of the file system's inodes */
};

// Each block device below a file system. Its own number is that of its device,
// or (btrfs) one that says nothing; then its source does.
static void walk(struct session *session, uint32_t dev, block_device_each *each, void *context)
{
	block_device_walk(dev, each, context);
	for (size_t i = 0; i < session->mounts.count; i++) {
		const struct mount *mount = &session->mounts.mounts[i];

		if (mount->dev == dev && !(dev >> 20) && mount->source.data[0] == '/') {
			block_device_walk(block_device_at(mount->source.data), each, context);
			return;
		}
	}
}

static struct fim_id key_of(uint32_t dev)
{
	return (struct fim_id){.ino = dev, .dev = FIM_DEVICE};
}

static void insert_key(void *context, uint32_t dev)
{
	struct session *session = context;
	struct fim_id key = key_of(dev);
	struct fim_watched value = {0};
	int error = bpf_map_insert(session_newest(session)->maps.watched, &key, &value);

	if (error < 0 && error != -EEXIST)
		session->need_room = true;
}

static void drop_key(void *context, uint32_t dev)
{
	struct fim_id key = key_of(dev);

	apply_drop_key(context, &key);
}

void devices_add(struct session *session, uint32_t dev)
{
	struct session_device *device = session->devices;

	while (device && device->dev != dev)
		device = device->next;
	if (!device) {
		device = malloc(sizeof(*device));
		if (!device) {
			session->counts[SESSION_NO_MEMORY]++;
			return;
		}
		*device = (struct session_device){session->devices, dev};
		session->devices = device;
	}
	walk(session, dev, insert_key, session); // a larger hash has none yet
}

bool devices_remove(struct session *session, uint32_t dev)
{
	struct session_device **at = &session->devices, *device;

	while (*at && (*at)->dev != dev)
		at = &(*at)->next;
	device = *at;
	if (!device)
		return false;
	*at = device->next;
	free(device);
	walk(session, dev, drop_key, session);
	devices_restore(session); // a disk may hold several
	return true;
}

void devices_restore(struct session *session)
{
	for (const struct session_device *d = session->devices; d; d = d->next)
		walk(session, d->dev, insert_key, session);
}

struct search {
	uint32_t dev;
	bool found;
};

static void compare(void *context, uint32_t dev)
{
	struct search *search = context;

	search->found = search->found || search->dev == dev;
}

// Where a watched file system that lies on the block device is mounted.
static struct bytes mounted_from(struct session *session, uint32_t rdev)
{
	const struct session_device *device = session->devices;
	struct search search = {.dev = rdev};
	size_t i;

	for (; device; device = device->next) {
		walk(session, device->dev, compare, &search);
		if (search.found)
			break;
	}
	for (i = 0; device && i < session->mounts.count; i++)
		if (session->mounts.mounts[i].dev == device->dev)
			return session->mounts.mounts[i].point;
	return bytes_of(NULL, 0);
}

// Whether a descriptor of the process can write.
static bool can_write(uint32_t pid, const char *fd)
{
	char path[64];
	unsigned flags = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%.10s", pid, fd);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "pos: %*u flags: %o", &flags) != 1)
		flags = 0;
	fclose(file);
	return (flags & O_ACCMODE) != O_RDONLY;
}

// Whether the process has it open: read as text, since what else it has open may
// hang when looked at.
static bool has_open(uint32_t pid, struct bytes path)
{
	char text[4096];
	struct dirent *d;
	bool found = false;
	DIR *stream;

	snprintf(text, sizeof(text), "/proc/%u/fd", pid);
	stream = opendir(text);
	while (stream && !found && (d = readdir(stream))) {
		ssize_t length = readlinkat(dirfd(stream), d->d_name, text, sizeof(text));

		found = length > 0 && bytes_equal(bytes_of(text, (size_t)length), path) &&
			can_write(pid, d->d_name);
	}
	if (stream)
		closedir(stream);
	return found;
}

// Whether the loop device shows this file.
static bool shows(uint32_t loop, struct bytes path)
{
	char text[4096];
	size_t length;
	FILE *file;

	snprintf(text, sizeof(text), "/sys/dev/block/%u:%u/loop/backing_file", loop >> 20,
		 loop & 0xfffff);
	file = fopen(text, "re");
	if (!file)
		return false;
	length = fread(text, 1, sizeof(text), file);
	fclose(file);
	return length > 0 && bytes_equal(bytes_of(text, length - 1), path); // a newline ends it
}

void devices_opened(struct session *session, struct fim_view *view)
{
	const struct fim_event *event = view->event;
	uint32_t loop = event->other.rdev;

	if (!loop)
		view->holds = mounted_from(session, event->file.rdev);
	if (!view->path.data || !(loop ? shows(loop, view->path)
				       : has_open(event->actor.pid, view->path)))
		view->result = VIEW_UNKNOWN;
}

void devices_deinit(struct session *session)
{
	while (session->devices) {
		struct session_device *next = session->devices->next;

		free(session->devices);
		session->devices = next;
	}
}
