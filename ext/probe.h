/* SPDX-License-Identifier: GPL-2.0-only
 *
 * probe.h - attach a loaded program to a kernel function for a while.
 *
 * The lasting hooks are attached by libbcc in the loader process; this serves
 * the one that is wanted only while a scan is going on.
 */
#ifndef FIM_PROBE_H
#define FIM_PROBE_H

/* A perf event that runs `program` at the entry of `function`; closing it
 * detaches. Returns the descriptor or -errno. */
int probe_attach(const char *function, int program);

#endif
