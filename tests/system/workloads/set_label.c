/* SPDX-License-Identifier: GPL-2.0-only
 *
 * set_label.c - a security label, as chsmack(8) sets it. (An SELinux without a
 * policy refuses its own.)
 */
#include "workload.h"

#include <sys/xattr.h>

static long act(int n)
{
	return setxattr(name('f', n), "security.SMACK64", "a_label", 7, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
