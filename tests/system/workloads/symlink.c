/* SPDX-License-Identifier: GPL-2.0-only
 *
 * symlink.c - symlink
 */
#include "workload.h"

static long act(int n)
{
	return symlink("../anywhere at all", name('f', n));
}

const struct workload workload = {act, .is = 'f'};
