/* SPDX-License-Identifier: GPL-2.0-only
 *
 * open_truncate.c - open(O_TRUNC) of a file with content, and close
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_TRUNC), "");
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
