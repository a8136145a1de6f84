/* SPDX-License-Identifier: GPL-2.0-only
 *
 * chmod.c - chmod(2)
 */
#include "workload.h"

static long act(int n)
{
	return chmod(name('f', n), 04711);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
