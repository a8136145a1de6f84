// SPDX-License-Identifier: GPL-2.0-only
#include "order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct order_entry {
	struct fim_event *event;
	uint64_t turn;
	unsigned tap;
};

void order_init(struct order *order)
{
	memset(order, 0, sizeof(*order));
}

void order_deinit(struct order *order)
{
	for (size_t i = 0; i < order->count; i++)
		free(order->heap[i].event);
	free(order->heap);
	order_init(order);
}

static bool before(const struct order_entry *a, const struct order_entry *b)
{
	if (a->event->time != b->event->time)
		return a->event->time < b->event->time;
	return a->turn < b->turn;
}

static int order_grow(struct order *order)
{
	size_t room = order->room ? order->room * 2 : 1024;
	struct order_entry *heap;

	if (order->count < order->room)
		return 0;
	heap = realloc(order->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	order->heap = heap;
	order->room = room;
	return 0;
}

static void sift_up(struct order_entry *heap, size_t at, struct order_entry entry)
{
	while (at > 0 && before(&entry, &heap[(at - 1) / 2])) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = entry;
}

static void sift_down(struct order_entry *heap, size_t count, struct order_entry entry)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < count) {
		if (child + 1 < count && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &entry))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = entry;
}

int order_push(struct order *order, const struct fim_event *event, unsigned tap)
{
	struct order_entry entry = {NULL, order->pushed, tap};

	if (order->bytes + event->size > ORDER_BYTES_MAX)
		return -ENOMEM;
	entry.event = malloc(event->size);
	if (!entry.event || order_grow(order) < 0) {
		free(entry.event);
		return -ENOMEM;
	}
	memcpy(entry.event, event, event->size);
	sift_up(order->heap, order->count++, entry);
	order->pushed++;
	order->bytes += event->size;
	return 0;
}

struct fim_event *order_pop(struct order *order, uint64_t until, unsigned *tap)
{
	struct fim_event *event;

	if (order->count == 0 || order->heap[0].event->time >= until)
		return NULL;
	event = order->heap[0].event;
	*tap = order->heap[0].tap;
	order->count--;
	if (order->count)
		sift_down(order->heap, order->count, order->heap[order->count]);
	order->bytes -= event->size;
	return event;
}
