/* SPDX-License-Identifier: GPL-2.0-only
 *
 * create_exclusive.c - open(2) with O_CREAT | O_EXCL
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_CREAT | O_EXCL, 0640), "");
}

const struct workload workload = {act, .is = 'f'};
