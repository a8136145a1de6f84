/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mknod.c - a named pipe
 */
#include "workload.h"

static long act(int n)
{
	return mknod(name('f', n), S_IFIFO | 0600, 0);
}

const struct workload workload = {act, .is = 'f'};
