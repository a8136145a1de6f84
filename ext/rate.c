// SPDX-License-Identifier: GPL-2.0-only
#include "rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_parts.h"

struct slot {
	uint64_t start; /* of the process */
	uint64_t begun; /* of its second */
	uint64_t since; /* the first that was held back */
	uint64_t held;
	uint32_t pid;
	uint32_t told;
	char comm[FIM_COMM_SIZE + 1];
};

struct rates {
	unsigned limit;
	unsigned holding; /* slots with some */
	struct slot slot[RATE_SLOTS];
};

struct rates *rates_new(unsigned limit)
{
	struct rates *rates = calloc(1, sizeof(*rates));

	if (rates)
		rates->limit = limit;
	return rates;
}

void rates_free(struct rates *rates)
{
	free(rates);
}

static void tell(struct session *session, struct slot *slot)
{
	char reason[128];

	if (!slot->held)
		return;
	snprintf(reason, sizeof(reason), "more than %u records a second of %s[%u]",
		 session->rates->limit, slot->comm, slot->pid);
	emit_withheld(session, reason, bytes_of(NULL, 0), slot->held, slot->since);
	slot->held = 0;
	session->rates->holding--;
}

static void begin(struct slot *slot, const struct fim_event *event)
{
	slot->start = event->actor.start;
	slot->pid = event->actor.pid;
	slot->begun = event->time;
	slot->told = 0;
	memcpy(slot->comm, event->actor.comm, FIM_COMM_SIZE);
}

bool rates_hold(struct session *session, const struct fim_event *event)
{
	struct rates *rates = session->rates;
	uint64_t hash = (event->actor.start ^ event->actor.pid) * 0x9e3779b97f4a7c15ull;
	struct slot *slot;

	if (!rates)
		return false;
	slot = &rates->slot[(hash >> 32) % RATE_SLOTS];
	if (slot->pid != event->actor.pid || slot->start != event->actor.start ||
	    event->time - slot->begun >= RATE_NS) {
		tell(session, slot);
		begin(slot, event);
	}
	if (slot->told++ < rates->limit)
		return false;
	if (!slot->held++) {
		slot->since = event->time;
		rates->holding++;
	}
	session->counts[SESSION_WITHHELD]++;
	return true;
}

void rates_tell(struct session *session, uint64_t now, bool final)
{
	struct rates *rates = session->rates;

	for (unsigned i = 0; rates && rates->holding && i < RATE_SLOTS; i++)
		if (final || now - rates->slot[i].begun >= RATE_NS)
			tell(session, &rates->slot[i]);
}
