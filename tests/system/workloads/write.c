/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write.c - open, write, close; a file each
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY), "after, and longer\n");
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
