/* SPDX-License-Identifier: GPL-2.0-only
 *
 * allocate.c - fallocate: room beyond the end
 */
#include "workload.h"

#include <linux/falloc.h>

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	return fallocate(fd, 0, 8192, 8192) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
