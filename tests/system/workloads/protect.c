/* SPDX-License-Identifier: GPL-2.0-only
 *
 * protect.c - a shared mapping becomes writable by mprotect(2)
 */
#include "workload.h"

#include <sys/mman.h>

static long act(int n)
{
	int fd = open(name('f', n), O_RDWR);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_WRITE) < 0 || munmap(at, 4096) < 0)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
