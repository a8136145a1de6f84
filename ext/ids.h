/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ids.h - a list of inodes, taken in the order of their adding.
 */
#ifndef FIM_IDS_H
#define FIM_IDS_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

struct ids {
	struct fim_id *id;
	size_t count, next, room; /* `next` is the first not taken */
};

/* -ENOMEM */
int ids_add(struct ids *ids, const struct fim_id *id);
/* The next, until something is added; NULL: all were taken. */
const struct fim_id *ids_next(struct ids *ids);
/* Empty it. */
void ids_reset(struct ids *ids);

static inline bool same_id(const struct fim_id *a, const struct fim_id *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->over == b->over;
}

#endif
