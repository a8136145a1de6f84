/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rename_over.c - rename over a file that exists
 */
#include "workload.h"

static long act(int n)
{
	return rename(name('f', n), name('g', n));
}

const struct workload workload = {act, .was = 'g', .is = 'g'};
