/* SPDX-License-Identifier: GPL-2.0-only
 *
 * set_capability.c - a file capability, as setcap(8) sets it: cap_net_raw+p
 */
#include "workload.h"

#include <linux/capability.h>
#include <sys/xattr.h>

static long act(int n)
{
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2};

	data.data[0].permitted = 1 << CAP_NET_RAW;
	return setxattr(name('f', n), "security.capability", &data, XATTR_CAPS_SZ_2, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
