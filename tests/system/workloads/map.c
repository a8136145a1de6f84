/* SPDX-License-Identifier: GPL-2.0-only
 *
 * map.c - a store through a shared mapping
 */
#include "workload.h"

#include <sys/mman.h>

static long act(int n)
{
	int fd = open(name('f', n), O_RDWR);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	map[17] = '!';
	return munmap(map, 4096) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
