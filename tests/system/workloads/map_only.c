/* SPDX-License-Identifier: GPL-2.0-only
 *
 * map_only.c - mmap(2), shared and writable, without a store
 */
#include "workload.h"

#include <sys/mman.h>

static long act(int n)
{
	int fd = open(name('f', n), O_RDWR);
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED || munmap(at, 4096) < 0)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
