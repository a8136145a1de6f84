// SPDX-License-Identifier: GPL-2.0-only
#include "block_device.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan.h"

/* A partition of a volume of an array of partitions of disks: not deeper. */
#define DEPTH 8

// The number in a file such as /sys/dev/block/8:1/dev, 0 where there is none.
static uint32_t number_in(const char *directory)
{
	char path[PATH_MAX];
	unsigned major = 0, minor = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/dev", directory);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%u:%u", &major, &minor) != 2)
		major = minor = 0;
	fclose(file);
	return major << 20 | minor;
}

static void walk(uint32_t dev, unsigned depth, block_device_each *each, void *context);

static void walk_parts(const char *directory, unsigned depth, block_device_each *each,
		       void *context)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *stream;

	snprintf(path, sizeof(path), "%s/slaves", directory);
	stream = opendir(path);
	while (stream && (d = readdir(stream))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/slaves/%s", directory, d->d_name);
		walk(number_in(path), depth + 1, each, context);
	}
	if (stream)
		closedir(stream);
}

static void walk(uint32_t dev, unsigned depth, block_device_each *each, void *context)
{
	char directory[64], path[PATH_MAX];

	snprintf(directory, sizeof(directory), "/sys/dev/block/%u:%u", dev >> 20, dev & 0xfffff);
	if (depth == DEPTH || !dev || access(directory, F_OK) < 0)
		return;
	each(context, dev);
	snprintf(path, sizeof(path), "%s/partition", directory);
	if (access(path, F_OK) == 0) {
		snprintf(path, sizeof(path), "%s/..", directory);
		walk(number_in(path), depth + 1, each, context);
	}
	walk_parts(directory, depth, each, context);
}

void block_device_walk(uint32_t dev, block_device_each *each, void *context)
{
	walk(dev, 0, each, context);
}

uint32_t block_device_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? scan_kernel_dev(st.st_rdev) : 0;
}
