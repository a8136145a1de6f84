/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rename_noreplace.c - renameat2(RENAME_NOREPLACE)
 */
#include "workload.h"

#include <sys/syscall.h>

#define NOREPLACE 1 /* RENAME_NOREPLACE */

static long act(int n)
{
	return syscall(SYS_renameat2, AT_FDCWD, name('f', n), AT_FDCWD, name('g', n), NOREPLACE);
}

const struct workload workload = {act, .is = 'g'};
