/* SPDX-License-Identifier: GPL-2.0-only
 *
 * read.c - open for reading or for writing, and no change
 */
#include "workload.h"

static long act(int n)
{
	char byte;
	int fd = open(name('f', n), n % 2 ? O_RDWR : O_RDONLY);

	if (fd < 0 || read(fd, &byte, 1) != 1)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .was = 'f'};
