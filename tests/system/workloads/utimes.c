/* SPDX-License-Identifier: GPL-2.0-only
 *
 * utimes.c - utimensat(2), both times
 */
#include "workload.h"

static long act(int n)
{
	struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};

	return utimensat(AT_FDCWD, name('f', n), times, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
