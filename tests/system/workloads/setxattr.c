/* SPDX-License-Identifier: GPL-2.0-only
 *
 * setxattr.c - setxattr(2), of a kind that tmpfs takes too
 */
#include "workload.h"

#include <sys/xattr.h>

static long act(int n)
{
	return setxattr(name('f', n), "trusted.fim", "a\0b", 3, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
