/* SPDX-License-Identifier: GPL-2.0-only
 *
 * map_closed.c - a store through a shared mapping after its descriptor was closed
 */
#include "workload.h"

#include <sys/mman.h>

static long act(int n)
{
	int fd = open(name('f', n), O_RDWR);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED || close(fd) < 0)
		return -1;
	map[17] = '!';
	return munmap(map, 4096);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
