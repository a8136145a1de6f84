/* SPDX-License-Identifier: GPL-2.0-only
 *
 * punch.c - fallocate: a block becomes a hole
 */
#include "workload.h"

#include <linux/falloc.h>

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
