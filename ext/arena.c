/* SPDX-License-Identifier: GPL-2.0-only */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 4096u
#define WORTH_A_REBUILD 65536u

void arena_init(struct arena *arena)
{
	*arena = (struct arena){0};
}

int arena_init_room(struct arena *arena, uint32_t room)
{
	arena_init(arena);
	arena->data = malloc(room ? room : 1);
	if (!arena->data)
		return -ENOMEM;
	arena->room = room;
	return 0;
}

void arena_deinit(struct arena *arena)
{
	free(arena->data);
	arena_init(arena);
}

/* Doubling costs address space only: what was never touched is not there. */
static int grow(struct arena *arena)
{
	uint64_t room = arena->room ? 2ull * arena->room : FIRST_ROOM;
	unsigned char *data;

	if (room > UINT32_MAX)
		room = UINT32_MAX;
	data = realloc(arena->data, room);
	if (!data)
		return -ENOMEM;
	arena->data = data;
	arena->room = (uint32_t)room;
	return 0;
}

int arena_add(struct arena *arena, struct bytes text, uint32_t *ret)
{
	unsigned char *cell;

	if (text.length > 255)
		return -EINVAL;
	while (arena->room - arena->used < text.length + 1) {
		if (arena->room == UINT32_MAX)
			return -ENOSPC;
		if (grow(arena) < 0)
			return -ENOMEM;
	}
	cell = arena->data + arena->used;
	cell[0] = (unsigned char)text.length;
	if (text.length)
		memcpy(cell + 1, text.data, text.length);
	*ret = arena->used;
	arena->used += (uint32_t)text.length + 1;
	return 0;
}

struct bytes arena_get(const struct arena *arena, uint32_t offset)
{
	const unsigned char *cell = arena->data + offset;

	return bytes_of((const char *)cell + 1, cell[0]);
}

void arena_drop(struct arena *arena, uint32_t offset)
{
	arena->garbage += arena->data[offset] + 1u;
}

bool arena_wasteful(const struct arena *arena)
{
	return arena->garbage > WORTH_A_REBUILD &&
	       arena->garbage > arena->used / 2;
}
