/* SPDX-License-Identifier: GPL-2.0-only
 *
 * whiteout.c - renameat2(RENAME_WHITEOUT): leaves a device 0:0 at the old name
 */
#include "workload.h"

#include <sys/syscall.h>

#define WHITEOUT 4 /* RENAME_WHITEOUT */

static long act(int n)
{
	return syscall(SYS_renameat2, AT_FDCWD, name('f', n), AT_FDCWD, name('g', n), WHITEOUT);
}

const struct workload workload = {act, .is = 'g', .other = 'f'};
