/* SPDX-License-Identifier: GPL-2.0-only
 *
 * earlier_parts.h - between earlier.c and earlier_last.c.
 */
#ifndef FIM_EARLIER_PARTS_H
#define FIM_EARLIER_PARTS_H

#include "earlier.h"
#include "inode_table.h"
#include "reconcile.h"
#include "told.h"

#define EARLIER_DEVICES 64

struct earlier {
	struct inode_table table;
	struct {
		uint32_t then, now;
	} devices[EARLIER_DEVICES];
	unsigned device_count;
	struct buffer asked; /* for, each path with a NUL */
	struct buffer told;  /* told.h */
	struct session *session;
	struct gap gap;
	uint64_t steps;
};

/* An inode by the number that its device has now, or had then. */
struct fim_id earlier_now(const struct earlier *e, const struct fim_id *then);
struct fim_id earlier_then(const struct earlier *e, const struct fim_id *now);

/* What a table knows of it; mode 0: nothing. */
struct traits_of earlier_known(const struct inode_table *table, const struct fim_id *id);

/* The path of a name, until the next call; `.data` NULL where it has none. */
struct bytes earlier_path(struct earlier *e, const struct inode_table *table,
			  const struct fim_id *dir, struct bytes name);

/* Whether this session was asked for the path. */
bool earlier_wanted(struct earlier *e, struct bytes path);

/* Tell that it is missing, if it is wanted. */
void earlier_lost(struct earlier *e, struct bytes path);

/* Tell that all below a directory is there. */
void earlier_below(struct earlier *e, const struct fim_id *top);

/* After each step: the rings must not fill meanwhile. Error of session_drain(). */
int earlier_drain(struct earlier *e);

/* Compare the last word of each name (earlier_told()), after all that was kept. */
int earlier_last_words(struct earlier *e);

#endif
