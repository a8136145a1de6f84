/* SPDX-License-Identifier: GPL-2.0-only
 *
 * writev.c - writev of two pieces
 */
#include "workload.h"

#include <sys/uio.h>

static long act(int n)
{
	struct iovec pieces[] = {{"one piece ", 10}, {"and another", 11}};
	int fd = open(name('f', n), O_WRONLY);

	return writev(fd, pieces, 2) == 21 ? close(fd) : -1;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
