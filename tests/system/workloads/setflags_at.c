/* SPDX-License-Identifier: GPL-2.0-only
 *
 * setflags_at.c - file_setattr(2): the same without a descriptor of the file
 */
#include "workload.h"

#include <linux/fs.h>
#include <sys/syscall.h>

#ifndef SYS_file_setattr
#define SYS_file_setattr 469
#endif

/* struct file_attr of linux/fs.h, which older headers lack */
struct attributes {
	unsigned long long flags;
	unsigned int extent_size, extents, project, copy_extent_size;
};

static long act(int n)
{
	struct attributes wanted = {.flags = FS_XFLAG_NOATIME};

	return syscall(SYS_file_setattr, AT_FDCWD, name('f', n), &wanted, sizeof(wanted), 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
