/* SPDX-License-Identifier: GPL-2.0-only
 *
 * workload.h - a program that does one act 23 times and prints what it did.
 *
 *	NAME [--root ROOT] DIR [TIMES [ANYTHING]...]
 *
 * works in DIR on the files f00, f01, ... (and g00, ...), relative to it; with
 * --root after chroot(ROOT). The answer is one JSON object: who it was, and
 * for every act the monotonic time before and after, and the file's attributes
 * in the contract's own form.
 *
 * A workload defines `workload`; workload.c has main().
 */
#ifndef FIM_WORKLOAD_H
#define FIM_WORKLOAD_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMES 23

struct workload {
	long (*act)(int n); /* -1: failed, by errno; else told as "value" */
	/* Letters of the files whose attributes are told; 0: of none. */
	char was;   /* before the act */
	char is;    /* after it */
	char other; /* after it, too */
	bool single;   /* every act is on number 0 */
	bool once;     /* one act */
	bool threaded; /* not by the process's first thread */
};

extern const struct workload workload;

/* "f07": valid until the call after the next. */
static inline const char *name(char letter, int n)
{
	static char names[2][16];
	static int turn;

	turn = !turn;
	snprintf(names[turn], sizeof(names[turn]), "%c%02d", letter, n);
	return names[turn];
}

/* Write `text` and close. */
static inline long finish(int fd, const char *text)
{
	size_t length = strlen(text);

	if (fd < 0 || (length && write(fd, text, length) != (ssize_t)length))
		return -1;
	return close(fd);
}

#endif
