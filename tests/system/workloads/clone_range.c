/* SPDX-License-Identifier: GPL-2.0-only
 *
 * clone_range.c - a block of another file by FICLONERANGE
 */
#include "workload.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

static long act(int n)
{
	int from = open(name('g', n), O_RDONLY), fd = open(name('f', n), O_WRONLY);
	struct file_clone_range range = {.src_fd = from, .src_length = 4096, .dest_offset = 4096};

	return ioctl(fd, FICLONERANGE, &range) < 0 ? -1 : close(from) + close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
