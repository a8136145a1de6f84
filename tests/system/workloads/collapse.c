/* SPDX-License-Identifier: GPL-2.0-only
 *
 * collapse.c - fallocate: the first block is taken out
 */
#include "workload.h"

#include <linux/falloc.h>

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
