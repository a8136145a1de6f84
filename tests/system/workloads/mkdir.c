/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mkdir.c - mkdir
 */
#include "workload.h"

static long act(int n)
{
	return mkdir(name('f', n), 0750);
}

const struct workload workload = {act, .is = 'f'};
