/* SPDX-License-Identifier: GPL-2.0-only
 *
 * unlink.c - unlink
 */
#include "workload.h"

static long act(int n)
{
	return unlink(name('f', n));
}

const struct workload workload = {act, .was = 'f'};
