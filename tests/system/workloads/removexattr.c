/* SPDX-License-Identifier: GPL-2.0-only
 *
 * removexattr.c - removexattr(2)
 */
#include "workload.h"

#include <sys/xattr.h>

static long act(int n)
{
	return removexattr(name('f', n), "trusted.fim");
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
