/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write_once.c - 23 writes on one descriptor
 */
#include "workload.h"

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	for (int i = 1; i < TIMES; i++)
		if (fd < 0 || write(fd, "one of 23\n", 10) != 10)
			return -1;
	return finish(fd, "the last\n");
}

const struct workload workload = {act, .was = 'f', .is = 'f', .once = true};
