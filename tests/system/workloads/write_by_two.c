/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write_by_two.c - 23 writes on one descriptor, every other one by another thread
 */
#include "workload.h"

#include <pthread.h>

static void *write_one(void *fd)
{
	return write(*(int *)fd, "one of 23\n", 10) == 10 ? fd : NULL;
}

static void *write_elsewhere(int *fd)
{
	pthread_t thread;
	void *done;

	return pthread_create(&thread, NULL, write_one, fd) || pthread_join(thread, &done) ? NULL : done;
}

static long act(int n)
{
	int fd = open(name('f', n), O_WRONLY);

	for (int i = 0; i < TIMES; i++)
		if (!(i % 2 ? write_elsewhere(&fd) : write_one(&fd)))
			return -1;
	return close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f', .once = true};
