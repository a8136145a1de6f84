/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write_same.c - open, write, close; one file
 */
#include "workload.h"

static long act(int n)
{
	return finish(open(name('f', n), O_WRONLY | O_APPEND), "one line more\n");
}

const struct workload workload = {act, .was = 'f', .is = 'f', .single = true};
