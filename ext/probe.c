// SPDX-License-Identifier: GPL-2.0-only
#include "probe.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KPROBE_TYPE "/sys/bus/event_source/devices/kprobe/type"

static int kprobe_type(void)
{
	FILE *file = fopen(KPROBE_TYPE, "re");
	int type = -1;

	if (!file)
		return -errno;
	if (fscanf(file, "%d", &type) != 1)
		type = -EINVAL;
	if (fclose(file) != 0)
		return -errno;
	return type;
}

static int probe_open(const char *function)
{
	struct perf_event_attr attr;
	int type = kprobe_type(), fd;

	if (type < 0)
		return type;
	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = (uint32_t)type;
	attr.config1 = (uintptr_t)function; // kprobe_func
	attr.config2 = 0;                   // probe_offset
	// Any CPU will do: the program runs for every hit, on every CPU.
	fd = (int)syscall(__NR_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int probe_attach(const char *function, int program)
{
	int fd = probe_open(function), error;

	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) == 0 &&
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}
