// SPDX-License-Identifier: GPL-2.0-only
// The set of attached programs in force, and its successor with a larger hash.
#include "session_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_FULL "the hash of watched inodes was full"

static bool is_twin(struct session *session, const struct fim_event *event)
{
	for (unsigned i = 0; i < session->twin_count; i++) {
		struct session_twin *twin = &session->twins[i];

		if (twin->ino == event->file.id.ino && twin->tid == event->actor.tid &&
		    twin->op == event->op && event->time - twin->time < SESSION_TWIN_NS) {
			*twin = session->twins[--session->twin_count];
			return true;
		}
	}
	return false;
}

static void remember_twin(struct session *session, const struct fim_event *event)
{
	if (session->twin_count < SESSION_TWINS &&
	    session->switched - event->time < SESSION_TWIN_NS)
		session->twins[session->twin_count++] = (struct session_twin){
			event->file.id.ino, event->time, event->actor.tid, event->op};
}

// With two sets of programs every act is recorded twice, by the older first:
// its records count up to the switch, its successor's after it, and an act that
// lies across is the successor's twin of one already taken.
bool taps_accept(struct session *session, const struct fim_event *event, unsigned tap)
{
	bool old = tap < session->taps_made;

	if (!session->switched)
		return true;
	if (old && event->time <= session->switched) {
		remember_twin(session, event);
		return true;
	}
	if (!old && event->time > session->switched && !is_twin(session, event))
		return true;
	session->counts[SESSION_DUPLICATES]++;
	return false;
}

void taps_drop_predecessor(struct session *session)
{
	tap_drain(session->taps[0], 1);
	tap_deinit(session->taps[0]);
	free(session->taps[0]);
	session->taps[0] = session->taps[1];
	session->taps[1] = NULL;
	session->unslotted = session->odd = 0;
}

int session_tap(struct session *session, const struct tap_maps *maps, size_t pages,
		uint64_t entries, const char *const learn_functions[SESSION_LEARN],
		int learn_program)
{
	unsigned place = session->taps[0] ? 1 : 0;
	struct tap *tap = session->taps[place] ? NULL : malloc(sizeof(*tap));
	int error = tap ? tap_init(tap, maps, pages) : -EBUSY;

	if (error < 0) {
		free(tap);
		return error;
	}
	tap->number = ++session->taps_made;
	tap->absent = (struct absent){.map = maps->absent};
	tap->order = &session->order;
	tap->on_gap = session_on_gap;
	tap->context = session;
	session->taps[place] = tap;
	session->entries = entries;
	session->need_room = false;
	for (unsigned i = 0; i < SESSION_LEARN; i++) {
		free(session->learn_functions[i]);
		session->learn_functions[i] = learn_functions[i] ? strdup(learn_functions[i]) : NULL;
	}
	session->learn_program = learn_program;
	session_unlearn(session); // those attached tell the predecessor's map
	return place == 0 ? mounts_read(session) : 0; // from here on acts are seen
}

int session_switch(struct session *session)
{
	if (!session->taps[1])
		return -EINVAL;
	session->switched = tap_now();
	session->twin_count = 0;
	session->unheard_told = session->insert_failed != 0;
	if (session->insert_failed)
		emit_unheard(session, session->insert_failed, session->switched, HASH_FULL);
	session->insert_failed = 0;
	reconcile_stampless(session);
	return 0;
}

// It may be told late: while the larger hash was filled, records were held.
void session_insert_failed(struct session *session, uint64_t time)
{
	if (time > session->switched) {
		session->need_room = true;
		if (!session->insert_failed)
			session->insert_failed = time;
	} else if (!session->unheard_told) {
		session->unheard_told = true;
		emit_unheard(session, time, session->switched, HASH_FULL);
	}
}
