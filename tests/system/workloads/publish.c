/* SPDX-License-Identifier: GPL-2.0-only
 *
 * publish.c - a file without a name (O_TMPFILE) is given one
 */
#include "workload.h"

static long act(int n)
{
	int fd = open(".", O_WRONLY | O_TMPFILE, 0600);

	if (fd < 0)
		return -1;
	if (linkat(fd, "", AT_FDCWD, name('f', n), AT_EMPTY_PATH) < 0)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .is = 'f'};
