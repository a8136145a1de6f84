/* SPDX-License-Identifier: GPL-2.0-only
 *
 * append_32.c - the same as append, by 32-bit system calls
 */
#include "workload.h"

#include <stdint.h>

/* Their numbers; arguments are addresses below 4 GiB: static ones, linked there. */
enum { WRITE = 4, OPEN = 5, CLOSE = 6 };

static long call_32(int number, uintptr_t a, uintptr_t b, uintptr_t c)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static long act(int n)
{
	static const char text[] = "at the end\n";
	long fd = call_32(OPEN, (uintptr_t)name('f', n), O_WRONLY | O_APPEND, 0);

	if (fd < 0 || call_32(WRITE, fd, (uintptr_t)text, sizeof(text) - 1) != sizeof(text) - 1)
		return -1;
	return call_32(CLOSE, fd, 0, 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
