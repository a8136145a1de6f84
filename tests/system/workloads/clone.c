/* SPDX-License-Identifier: GPL-2.0-only
 *
 * clone.c - the whole of another file by FICLONE
 */
#include "workload.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

static long act(int n)
{
	int from = open(name('g', n), O_RDONLY), fd = open(name('f', n), O_WRONLY);

	return ioctl(fd, FICLONE, from) < 0 ? -1 : close(from) + close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
