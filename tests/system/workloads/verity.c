/* SPDX-License-Identifier: GPL-2.0-only
 *
 * verity.c - ioctl(FS_IOC_ENABLE_VERITY): read-only from then on, and proven
 */
#include "workload.h"

#include <linux/fsverity.h>
#include <sys/ioctl.h>

static long act(int n)
{
	struct fsverity_enable_arg how = {
		.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096};
	int fd = open(name('f', n), O_RDONLY);
	int error = fd < 0 ? -1 : ioctl(fd, FS_IOC_ENABLE_VERITY, &how);

	close(fd);
	return error;
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
