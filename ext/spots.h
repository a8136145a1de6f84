/* SPDX-License-Identifier: GPL-2.0-only
 *
 * spots.h - chosen blind spots (bpf_c/spot.c): which of them a path lies in.
 */
#ifndef FIM_SPOTS_H
#define FIM_SPOTS_H

#include <stdint.h>

#include "bytes.h"

struct spots {
	struct spot *first;
};

/* The tree at `path` lies in those that have a bit in `bits`. -ENOMEM */
int spots_add(struct spots *spots, const char *path, uint32_t bits);
void spots_deinit(struct spots *spots);

/* Those that `path` lies in, as bits. */
uint32_t spots_at(const struct spots *spots, struct bytes path);

#endif
