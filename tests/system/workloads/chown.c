/* SPDX-License-Identifier: GPL-2.0-only
 *
 * chown.c - chown(2)
 */
#include "workload.h"

static long act(int n)
{
	return chown(name('f', n), 3, 4);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
