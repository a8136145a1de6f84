/* SPDX-License-Identifier: GPL-2.0-only
 *
 * copy_range.c - copy_file_range from another file
 */
#include "workload.h"

#include <sys/syscall.h>

static long act(int n)
{
	int from = open(name('g', n), O_RDONLY), fd = open(name('f', n), O_WRONLY);
	long moved = syscall(SYS_copy_file_range, from, NULL, fd, NULL, 3000, 0);

	close(from);
	return moved == 3000 ? close(fd) : -1;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
