/* SPDX-License-Identifier: GPL-2.0-only
 *
 * hang.c - a file system whose server never answers
 *
 *	hang POINT TYPE SECONDS
 *
 * mounts one of TYPE ("fuse", "fuse.sshfs") at POINT, prints a line, reads no
 * request, and goes away by itself: what waits for an answer then fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[80];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (argc != 4 || device < 0 || mount("hang", argv[1], argv[2], 0, options) < 0) {
		perror("hang");
		return 1;
	}
	puts("mounted");
	fflush(stdout);
	sleep((unsigned)atoi(argv[3]));
	return 0;
}
