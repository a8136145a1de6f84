/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mknod_device.c - a character device
 */
#include "workload.h"

#include <sys/sysmacros.h>

static long act(int n)
{
	return mknod(name('f', n), S_IFCHR | 0600, makedev(1, 3));
}

const struct workload workload = {act, .is = 'f'};
