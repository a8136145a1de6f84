/* SPDX-License-Identifier: GPL-2.0-only
 *
 * append.c - open for appending, write, close; a file each
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_APPEND), "at the end\n");
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
