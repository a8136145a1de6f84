/* SPDX-License-Identifier: GPL-2.0-only
 *
 * setflags.c - ioctl(FS_IOC_SETFLAGS), as chattr +A does it
 */
#include "workload.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

static long act(int n)
{
	int flags, error, fd = open(name('f', n), O_RDONLY);

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	flags |= FS_NOATIME_FL;
	error = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return error;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
