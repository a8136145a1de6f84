/* SPDX-License-Identifier: GPL-2.0-only
 *
 * splice.c - splice from a pipe to the file
 */
#include "workload.h"

static long act(int n)
{
	int ends[2], fd = open(name('f', n), O_WRONLY);
	long moved;

	if (pipe(ends) < 0 || write(ends[1], "by splice", 9) != 9)
		return -1;
	moved = splice(ends[0], NULL, fd, NULL, 9, 0);
	close(ends[0]);
	close(ends[1]);
	return moved == 9 ? close(fd) : -1;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
