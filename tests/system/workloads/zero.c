/* SPDX-License-Identifier: GPL-2.0-only
 *
 * zero.c - fallocate: a block becomes zeroes
 */
#include "workload.h"

#include <linux/falloc.h>

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	return fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
