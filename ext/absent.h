/* SPDX-License-Identifier: GPL-2.0-only
 *
 * absent.h - the array by which hooks leave most inodes alone (bpf_c/absent.c), from the
 * monitor's side: it is made to serve, and not to serve any more.
 *
 * Whoever inserts a key has stat'ed its inode in a scan before, which counts it there.
 */
#ifndef FIM_ABSENT_H
#define FIM_ABSENT_H

#include <stdbool.h>

struct absent {
	int map;
	bool tried;
	bool serves;
};

/* Once, by the thread that the maps `settings` and `learned` are about, while it learns. */
void absent_serve(struct absent *absent, int settings, int learned);
/* A key goes into the hash that was not counted, or an overlay is watched: from now on
 * any inode may be. -errno */
int absent_let_all(struct absent *absent);

#endif
