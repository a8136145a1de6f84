/* SPDX-License-Identifier: GPL-2.0-only
 *
 * pwrite.c - pwrite in the middle
 */
#include "workload.h"

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	return pwrite(fd, "in the middle", 13, 5000) == 13 ? close(fd) : -1;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
