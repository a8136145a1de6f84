/* SPDX-License-Identifier: GPL-2.0-only
 *
 * arena.h - names of up to 255 bytes behind each other, found by a 32-bit
 * offset; what is dropped is garbage until the owner rebuilds.
 *
 *	data: | length 1 | bytes | length 1 | bytes | ...
 */
#ifndef FIM_ARENA_H
#define FIM_ARENA_H

#include <stdint.h>

#include "bytes.h"

struct arena {
	unsigned char *data;
	uint32_t used;
	uint32_t room;
	uint32_t garbage; /* bytes of `used` */
};

void arena_init(struct arena *arena);
/* As many bytes can be added without an error. */
int arena_init_room(struct arena *arena, uint32_t room);
void arena_deinit(struct arena *arena);

/* -ENOSPC beyond 4 GiB, -ENOMEM. Moves what arena_get() gave. */
int arena_add(struct arena *arena, struct bytes text, uint32_t *ret);
struct bytes arena_get(const struct arena *arena, uint32_t offset);
void arena_drop(struct arena *arena, uint32_t offset);

/* Whether more than half is garbage (and it is worth the work). */
bool arena_wasteful(const struct arena *arena);

#endif
