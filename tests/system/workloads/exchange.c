/* SPDX-License-Identifier: GPL-2.0-only
 *
 * exchange.c - renameat2(RENAME_EXCHANGE)
 */
#include "workload.h"

#include <sys/syscall.h>

#define EXCHANGE 2 /* RENAME_EXCHANGE */

static long act(int n)
{
	return syscall(SYS_renameat2, AT_FDCWD, name('f', n), AT_FDCWD, name('g', n), EXCHANGE);
}

const struct workload workload = {act, .is = 'g', .other = 'f'};
