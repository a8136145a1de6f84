/* SPDX-License-Identifier: GPL-2.0-only
 *
 * aio.c - a write by io_submit
 */
#include "workload.h"

#include <linux/aio_abi.h>
#include <stdint.h>
#include <sys/syscall.h>

static long act(int n)
{
	aio_context_t context = 0;
	struct iocb write = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_nbytes = 6,
			     .aio_buf = (uintptr_t)"by aio"};
	struct iocb *writes[] = {&write};
	struct io_event done = {0};
	int fd = open(name('f', n), O_WRONLY);

	write.aio_fildes = fd;
	if (syscall(SYS_io_setup, 1, &context) < 0 ||
	    syscall(SYS_io_submit, context, 1, writes) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &done, NULL) != 1 || done.res != 6)
		return -1;
	return syscall(SYS_io_destroy, context) < 0 ? -1 : close(fd);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
