/* SPDX-License-Identifier: GPL-2.0-only
 *
 * bind_socket.c - a socket is bound to a name
 */
#include "workload.h"

#include <sys/socket.h>
#include <sys/un.h>

static long act(int n)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, name('f', n));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return close(fd);
}

const struct workload workload = {act, .is = 'f'};
