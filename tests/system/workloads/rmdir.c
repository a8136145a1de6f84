/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rmdir.c - rmdir
 */
#include "workload.h"

static long act(int n)
{
	return rmdir(name('f', n));
}

const struct workload workload = {act, .was = 'f'};
