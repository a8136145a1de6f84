/* SPDX-License-Identifier: GPL-2.0-only
 *
 * visit.h - what a scan's findings become in a session: names in the inode
 * table, `found` records, mounts not entered, what could not be read.
 */
#ifndef FIM_VISIT_H
#define FIM_VISIT_H

#include "session_parts.h"

/* One scan of one tree. */
struct visit {
	struct session *session;
	const char *root;         /* the scan's top is a root with this path ... */
	uint32_t flags;           /* ... and these flags of the inode table */
	const struct fim_id *dir; /* or has this name in this directory */
	struct bytes name;
	struct fim_id top; /* what was found there */
	bool refused;      /* it could not be opened, and never will */
};

/* A scan with the maps in force, whose findings go to `visit`; for single
 * identities `visit` may be NULL. */
void visit_prepare(struct session *session, struct visit *visit, struct scan *ret);

/* Whether a watch enters what is mounted at `path`; said where not. */
bool visit_may_enter(struct session *session, struct bytes path);
/* How many names the tree at `path` has that a scan would enter, up to `limit`. */
uint64_t visit_count(struct session *session, const char *path, uint64_t limit);

/* Scan the tree at `path`. -ENOSPC: the hash is full. */
int visit_run(struct session *session, struct visit *visit, const char *path);

#endif
