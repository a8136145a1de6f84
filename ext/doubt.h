/* SPDX-License-Identifier: GPL-2.0-only
 *
 * doubt.h - what was seen and does not fit what is known. A record that tells
 * why may be on its way: a doubt waits until all older ones were applied.
 *
 * First in, first out; so they are in the order of their looks.
 */
#ifndef FIM_DOUBT_H
#define FIM_DOUBT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "traits.h"

struct doubt {
	uint64_t looked;      /* CLOCK_MONOTONIC, ns */
	unsigned tries;       /* looks before this one */
	struct fim_id dir;    /* of a name; `name.data` NULL: of an inode's traits */
	struct bytes name;
	struct traits_of was; /* as known when looked at; id.ino 0: not there */
	struct traits_of is;  /* as seen */
	const char *reason;   /* why it is told; awaited.c only */
};

struct doubts {
	struct doubt *ring;
	size_t first, count, room;
};

/* Keep it, with a copy of its name. -ENOMEM */
int doubts_add(struct doubts *doubts, const struct doubt *doubt);
/* The first, until something is added; NULL: there is none. */
const struct doubt *doubts_first(const struct doubts *doubts);
void doubts_drop_first(struct doubts *doubts);
void doubts_deinit(struct doubts *doubts);

#endif
