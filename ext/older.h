/* SPDX-License-Identifier: GPL-2.0-only
 *
 * older.h - who has files open for writing, or mapped so, since before the
 * monitor: every process's descriptors and mappings, looked at once.
 *
 * It is done by a child, since the files of a dead server, and the memory of a
 * process that waits for one, can hang whoever looks: a child that is silent
 * for too long is given up, and the next one goes on behind that process. What
 * the child stats, the kernel side marks as open before (bpf_c/identity.c).
 *
 * Cannot see: descriptors on their way through a socket, or held by the kernel
 * itself (loop devices, swap, io_uring's own); tables of single threads.
 */
#ifndef FIM_OLDER_H
#define FIM_OLDER_H

#include <sys/types.h>

#include "event.h"

struct session;

enum older_kind {
	OLDER_PROCESS, /* this process is being looked at */
	OLDER_WRITER,  /* it has the inode open for writing */
	OLDER_MAPPING, /* it has it mapped, shared and writable */
	OLDER_SKIPPED, /* it has a file open where a look could hang */
};

/* What the child tells. */
struct older {
	struct fim_id id;
	__u32 kind;
	__u32 mode;
	__s64 pid;
};

/* In the child: tell everything of the processes above `after`; `learned` is
 * the map that says what was looked at. */
struct mount_table;
void older_look(int out, int learned, const struct mount_table *mounts, pid_t after);

#endif
