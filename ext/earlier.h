/* SPDX-License-Identifier: GPL-2.0-only
 *
 * earlier.h - down time: what an earlier session knew, kept as bytes, is compared
 * with what this one has scanned.
 *
 *	earlier session: earlier_save() until it is done, the bytes to a file
 *	this one, scanned and still held: earlier_load() with all of them, then a
 *	record of the time in between, then earlier_compare()
 *
 * The bytes are this build's own, of this machine: one entry a name, a root and a
 * path that was asked for, struct earlier_entry and the name. A device that has
 * another number now is recognised by the root that is on it. Only what lies below
 * a path that both were asked for is compared.
 *
 * A session that was killed has told more than it has kept: earlier_told() after
 * earlier_load(). Its last word of a name is compared, too, else what came and went
 * in between would be believed to be there for ever.
 */
#ifndef FIM_EARLIER_H
#define FIM_EARLIER_H

#include "buffer.h"
#include "traits.h"

#define EARLIER_MAGIC 0x32534d46u /* changed with every layout */
#define EARLIER_NODES 4096        /* a call of earlier_save() */

struct session;

struct earlier_entry {
	uint32_t magic;
	uint32_t length;    /* of the name behind it, or of a root's path */
	struct fim_id dir;  /* ino 0: a root ... */
	struct traits_of of; /* ... and ino 0 here: asked for */
};

/* Add the entries of the next EARLIER_NODES inodes to `out`; start with *cursor 0,
 * which is 0 again after the last. -ENOMEM */
int earlier_save(struct session *session, uint32_t *cursor, struct buffer *out);

/* Whole entries; may be called again. -EINVAL: they are of another build, or cut. */
int earlier_load(struct session *session, struct bytes entries);

/* What the journal said after that of a name, the last it said; `mode` 0: it is gone. -ENOMEM */
int earlier_told(struct session *session, struct bytes path, const struct traits *traits);

/* The record emitted last tells of a time since `since` (CLOCK_MONOTONIC, may lie
 * before this boot's: then 0) in which nobody watched. Tell what differs as its
 * `reconcile` records and close it; what was loaded is forgotten. */
int earlier_compare(struct session *session, uint64_t since);

/* What was loaded is not compared. */
void earlier_deinit(struct session *session);

#endif
