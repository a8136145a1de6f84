/* SPDX-License-Identifier: GPL-2.0-only
 *
 * io_uring.c - a write by io_uring
 */
#include "workload.h"

#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static char *map(int ring, size_t size, off_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, what);
}

/* Put one write in the queue and wait for it; the bytes written. */
static int write_by(int ring, const struct io_uring_params *p, int fd)
{
	char *queue = map(ring, p->sq_off.array + p->sq_entries * sizeof(__u32), IORING_OFF_SQ_RING);
	char *done = map(ring, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqe = (void *)map(ring, sizeof(*sqe), IORING_OFF_SQES);

	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_WRITE, .fd = fd, .len = 11,
				     .addr = (uintptr_t)"by io_uring"};
	__atomic_store_n((__u32 *)(queue + p->sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -1;
	return ((struct io_uring_cqe *)(done + p->cq_off.cqes))->res;
}

static long act(int n)
{
	struct io_uring_params p = {0};
	int ring = syscall(SYS_io_uring_setup, 1, &p);
	int fd = open(name('f', n), O_WRONLY);

	if (ring < 0 || fd < 0 || write_by(ring, &p, fd) != 11)
		return -1;
	return close(fd) < 0 ? -1 : close(ring);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
