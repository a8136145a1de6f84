/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ftruncate.c - ftruncate(2) beyond the end
 */
#include "workload.h"

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	if (fd < 0 || ftruncate(fd, 100) < 0)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
