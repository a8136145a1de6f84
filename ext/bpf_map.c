// SPDX-License-Identifier: GPL-2.0-only
#include "bpf_map.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(__NR_bpf, command, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

static int element(enum bpf_cmd command, int map, const void *key, const void *value,
		   uint64_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return bpf(command, &attr);
}

int bpf_map_lookup(int map, const void *key, void *ret)
{
	return element(BPF_MAP_LOOKUP_ELEM, map, key, ret, 0);
}

int bpf_map_insert(int map, const void *key, const void *value)
{
	return element(BPF_MAP_UPDATE_ELEM, map, key, value, BPF_NOEXIST);
}

int bpf_map_update(int map, const void *key, const void *value)
{
	return element(BPF_MAP_UPDATE_ELEM, map, key, value, BPF_ANY);
}

int bpf_map_delete(int map, const void *key)
{
	return element(BPF_MAP_DELETE_ELEM, map, key, NULL, 0);
}

int bpf_map_next(int map, const void *key, void *ret)
{
	return element(BPF_MAP_GET_NEXT_KEY, map, key, ret, 0);
}

int bpf_map_possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first = 0, last = 0;
	int found, more;

	if (!file)
		return -errno;
	// "0", "0-63" or, rarely, "0-3,8-11": the last number counts.
	do {
		found = fscanf(file, "%u", &first);
		if (found == 1)
			last = first;
		more = fgetc(file);
	} while (found == 1 && (more == '-' || more == ','));
	if (fclose(file) != 0)
		return -errno;
	return (int)last + 1;
}
