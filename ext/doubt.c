// SPDX-License-Identifier: GPL-2.0-only
#include "doubt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct doubt *at(const struct doubts *doubts, size_t number)
{
	return &doubts->ring[(doubts->first + number) % doubts->room];
}

static int grow(struct doubts *doubts)
{
	struct doubts more = {.room = doubts->room ? doubts->room * 2 : 64};

	if (doubts->count < doubts->room)
		return 0;
	more.ring = malloc(more.room * sizeof(*more.ring));
	if (!more.ring)
		return -ENOMEM;
	for (; more.count < doubts->count; more.count++)
		more.ring[more.count] = *at(doubts, more.count);
	free(doubts->ring);
	*doubts = more;
	return 0;
}

int doubts_add(struct doubts *doubts, const struct doubt *doubt)
{
	char *name = doubt->name.data ? malloc(doubt->name.length + 1) : NULL;
	struct doubt *copy;

	if ((doubt->name.data && !name) || grow(doubts) < 0) {
		free(name);
		return -ENOMEM;
	}
	copy = at(doubts, doubts->count++);
	*copy = *doubt;
	if (name) {
		memcpy(name, doubt->name.data, doubt->name.length);
		name[doubt->name.length] = '\0';
		copy->name.data = name;
	}
	return 0;
}

const struct doubt *doubts_first(const struct doubts *doubts)
{
	return doubts->count ? at(doubts, 0) : NULL;
}

void doubts_drop_first(struct doubts *doubts)
{
	free((char *)at(doubts, 0)->name.data);
	doubts->first = (doubts->first + 1) % doubts->room;
	doubts->count--;
}

void doubts_deinit(struct doubts *doubts)
{
	while (doubts->count)
		doubts_drop_first(doubts);
	free(doubts->ring);
	*doubts = (struct doubts){0};
}
