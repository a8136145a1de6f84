/* SPDX-License-Identifier: GPL-2.0-only
 *
 * fchmodat2.c - the call of Linux 6.6, which chmod(1) does not make
 */
#include "workload.h"

#include <sys/syscall.h>

#define FCHMODAT2 452 /* x86-64 */

static long act(int n)
{
	return syscall(FCHMODAT2, AT_FDCWD, name('f', n), 0604, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
