/* SPDX-License-Identifier: GPL-2.0-only
 *
 * create_write.c - open(O_CREAT), write, close
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_CREAT | O_APPEND, 0600), "x\n");
}

const struct workload workload = {act, .is = 'f'};
