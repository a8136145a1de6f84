/* SPDX-License-Identifier: GPL-2.0-only
 *
 * slots.h - an open-addressing index: numbers of cells, found by a hash that
 * the cell itself keeps.
 *
 * A power of two of slots, linear probing, at most 0.7 full, deletion by
 * shifting back (no tombstones).  Number 0 marks an empty slot.
 *
 *	for (i = slots_home(s, hash); (n = s->slot[i]); i = slots_after(s, i))
 *		if (cells[n] is the one)
 *
 * `cells` below is the array of cells, wherever it is at the moment.
 */
#ifndef FIM_SLOTS_H
#define FIM_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slots {
	uint32_t *slot;
	uint32_t mask;
	uint32_t used;
	uint32_t stride;  /* of a cell */
	uint32_t hash_at; /* its uint32_t hash, within it */
};

int slots_init(struct slots *slots, size_t stride, size_t hash_at);
void slots_deinit(struct slots *slots);

/* Room for one more; afterwards slots_add() cannot fail. */
int slots_reserve(struct slots *slots, const void *cells);
/* The cell's hash must be set. */
void slots_add(struct slots *slots, const void *cells, uint32_t number);
/* The cell's hash must still be what it was. */
void slots_remove(struct slots *slots, const void *cells, uint32_t number);

static inline uint32_t slots_home(const struct slots *slots, uint32_t hash)
{
	return hash & slots->mask;
}

static inline uint32_t slots_after(const struct slots *slots, uint32_t i)
{
	return (i + 1) & slots->mask;
}

#endif
