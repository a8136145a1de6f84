/* SPDX-License-Identifier: GPL-2.0-only
 *
 * truncate.c - truncate(2) to 3 bytes
 */
#include "workload.h"

static long act(int n)
{
	return truncate(name('f', n), 3);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
