/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rename.c - rename within a directory
 */
#include "workload.h"

static long act(int n)
{
	return rename(name('f', n), name('g', n));
}

const struct workload workload = {act, .is = 'g'};
