/* SPDX-License-Identifier: GPL-2.0-only
 *
 * create.c - open(O_CREAT|O_EXCL) and close, without a write
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_CREAT | O_EXCL, 0640), "");
}

const struct workload workload = {act, .is = 'f'};
