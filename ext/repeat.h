/* SPDX-License-Identifier: GPL-2.0-only
 *
 * repeat.h - repeats of one actor on one inode are joined: the first is told at
 * once, those within REPEAT_NS of it by one record, the last of them, with how
 * many they are, and when the first and the last were.
 *
 * Only what says the same each time: that content changed. A record that waits is
 * told before another of its inode.
 */
#ifndef FIM_REPEAT_H
#define FIM_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

#define REPEAT_NS 400000000ull /* a record is told within 500 ms */
#define REPEAT_SLOTS 256       /* actors on inodes at a time */

struct session;
struct repeats;

/* NULL: no memory */
struct repeats *repeats_new(void);
void repeats_free(struct repeats *repeats);

/* Whether the event waits to be told, as one of many. */
bool repeats_hold(struct session *session, struct fim_view *view);

/* Tell of those whose time is over, or all; every record older than `until` was. */
void repeats_tell(struct session *session, uint64_t until, bool final);

#endif
