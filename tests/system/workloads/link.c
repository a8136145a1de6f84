/* SPDX-License-Identifier: GPL-2.0-only
 *
 * link.c - a second name for a file
 */
#include "workload.h"

static long act(int n)
{
	return link(name('f', n), name('g', n));
}

const struct workload workload = {act, .is = 'g'};
