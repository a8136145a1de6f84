/* SPDX-License-Identifier: GPL-2.0-only
 *
 * sendfile.c - sendfile from another file
 */
#include "workload.h"

#include <sys/sendfile.h>

static long act(int n)
{
	int from = open(name('g', n), O_RDONLY), fd = open(name('f', n), O_WRONLY);
	long moved = sendfile(fd, from, NULL, 3000);

	close(from);
	return moved == 3000 ? close(fd) : -1;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
