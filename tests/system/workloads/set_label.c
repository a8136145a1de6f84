/* SPDX-License-Identifier: GPL-2.0-only
 *
 * set_label.c - a security label, as chcon(1) sets it
 */
#include "workload.h"

#include <sys/xattr.h>

static long act(int n)
{
	return setxattr(name('f', n), "security.selinux", "a_u:b_r:c_t:s0", 15, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
