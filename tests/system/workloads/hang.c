/* SPDX-License-Identifier: GPL-2.0-only
 *
 * hang.c - a file system whose server never answers
 *
 *	hang POINT TYPE SECONDS
 *
 * mounts one of TYPE ("fuse", "fuse.sshfs", "autofs") at POINT, prints a line, reads no
 * request, and goes away by itself: what waits for an answer then fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int mount_fuse(const char *point, const char *type)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[80];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	return device < 0 ? -1 : mount("hang", point, type, 0, options);
}

/* The members of its process group are never asked to wait. */
static int mount_autofs(const char *point, const char *type)
{
	int ends[2];
	char options[80];

	if (setpgid(0, 0) < 0 || pipe(ends) < 0)
		return -1;
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", ends[1],
		 getpid());
	return mount("hang", point, type, 0, options);
}

int main(int argc, char **argv)
{
	int autofs = argc == 4 && strcmp(argv[2], "autofs") == 0;

	if (argc != 4 || (autofs ? mount_autofs : mount_fuse)(argv[1], argv[2]) < 0) {
		perror("hang");
		return 1;
	}
	puts("mounted");
	fflush(stdout);
	sleep((unsigned)atoi(argv[3]));
	return 0;
}
