/* SPDX-License-Identifier: GPL-2.0-only
 *
 * dedupe.c - FIDEDUPERANGE of two blocks that are equal
 */
#include "workload.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

static long act(int n)
{
	int from = open(name('g', n), O_RDONLY), fd = open(name('f', n), O_WRONLY);
	struct {
		struct file_dedupe_range head;
		struct file_dedupe_range_info to;
	} range = {{.src_length = 4096, .dest_count = 1}, {.dest_fd = fd}};

	if (ioctl(from, FIDEDUPERANGE, &range) < 0)
		return -1;
	if (range.to.status < 0)
		errno = -range.to.status;
	return range.to.status != FILE_DEDUPE_RANGE_SAME ? -1 : close(from) + close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
