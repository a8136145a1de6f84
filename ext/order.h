/* SPDX-License-Identifier: GPL-2.0-only
 *
 * order.h - records of all CPUs, put in the order of their time.
 *
 * Each ring is in order, the rings together are not. Records wait here, oldest
 * on top, until nothing older can still arrive; also while a scan is going on
 * and their names are not known yet. A binary heap of copies; equal times
 * leave in the order in which they came.
 */
#ifndef FIM_ORDER_H
#define FIM_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct order {
	struct order_entry *heap;
	size_t count;
	size_t room;
	uint64_t pushed; /* ever */
	size_t bytes;    /* held now */
};

/* While names are not known everything waits, perhaps for minutes. */
#define ORDER_BYTES_MAX (256u << 20)

void order_init(struct order *order);
void order_deinit(struct order *order);

/* Keep a copy. -ENOMEM, also where ORDER_BYTES_MAX are waiting. */
int order_push(struct order *order, const struct fim_event *event, unsigned tap);

/* The oldest, if it is older than `until`, else NULL; the caller frees it. */
struct fim_event *order_pop(struct order *order, uint64_t until, unsigned *tap);

#endif
