/* SPDX-License-Identifier: GPL-2.0-only */
#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

int slots_init(struct slots *slots, size_t stride, size_t hash_at)
{
	*slots = (struct slots){
		.slot = calloc(FIRST_SLOTS, sizeof(uint32_t)),
		.mask = FIRST_SLOTS - 1,
		.stride = (uint32_t)stride,
		.hash_at = (uint32_t)hash_at,
	};
	return slots->slot ? 0 : -ENOMEM;
}

void slots_deinit(struct slots *slots)
{
	free(slots->slot);
	*slots = (struct slots){0};
}

static uint32_t hash_of(const struct slots *slots, const void *cells,
			uint32_t number)
{
	const char *cell = (const char *)cells + (size_t)number * slots->stride;
	uint32_t hash;

	memcpy(&hash, cell + slots->hash_at, sizeof(hash));
	return hash;
}

static void put(struct slots *slots, const void *cells, uint32_t number)
{
	uint32_t i = slots_home(slots, hash_of(slots, cells, number));

	while (slots->slot[i])
		i = slots_after(slots, i);
	slots->slot[i] = number;
}

int slots_reserve(struct slots *slots, const void *cells)
{
	struct slots larger = *slots;
	uint64_t size = (uint64_t)slots->mask + 1;

	if ((slots->used + 1ull) * 10 <= size * 7)
		return 0;
	if (size * 2 > UINT32_MAX)
		return -ENOMEM;
	larger.slot = calloc(size * 2, sizeof(uint32_t));
	if (!larger.slot)
		return -ENOMEM;
	larger.mask = (uint32_t)(size * 2 - 1);
	for (uint64_t i = 0; i < size; i++)
		if (slots->slot[i])
			put(&larger, cells, slots->slot[i]);
	free(slots->slot);
	*slots = larger;
	return 0;
}

void slots_add(struct slots *slots, const void *cells, uint32_t number)
{
	put(slots, cells, number);
	slots->used++;
}

/* Whether a cell at `at` may move back to `hole`: its home is not between. */
static int may_move(const struct slots *slots, uint32_t home, uint32_t hole,
		    uint32_t at)
{
	return ((at - home) & slots->mask) >= ((at - hole) & slots->mask);
}

void slots_remove(struct slots *slots, const void *cells, uint32_t number)
{
	uint32_t hole = slots_home(slots, hash_of(slots, cells, number));

	while (slots->slot[hole] != number)
		hole = slots_after(slots, hole);
	for (uint32_t at = slots_after(slots, hole); slots->slot[at];
	     at = slots_after(slots, at)) {
		uint32_t hash = hash_of(slots, cells, slots->slot[at]);

		if (!may_move(slots, slots_home(slots, hash), hole, at))
			continue;
		slots->slot[hole] = slots->slot[at];
		hole = at;
	}
	slots->slot[hole] = 0;
	slots->used--;
}
