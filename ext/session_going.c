// SPDX-License-Identifier: GPL-2.0-only
//
// session_going.c - keys of what is not watched any more.
//
// Records are applied some time after their acts. Meanwhile what went out may have
// come back, or have been removed and its number given to a file that is watched:
// the kernel found the key in the hash and will not insert it a second time. So a key
// goes once every record was applied that has stamped it, and only if nobody knows the
// inode then. What gets a name while keys are being deleted is looked at (going_met).
#include <stdlib.h>

#include "bpf_map.h"
#include "session_parts.h"

/* Something that is changed all the time has always been stamped just now. */
#define PATIENCE_NS 1000000000ull

void going_add(struct session *session, const struct fim_id *id)
{
	if (session->going_count == session->going_room) {
		size_t room = session->going_room ? session->going_room * 2 : 64;
		struct session_going *going = realloc(session->going, room * sizeof(*going));

		if (!going) { // it stays watched, which is said
			session->counts[SESSION_NO_MEMORY]++;
			return;
		}
		session->going = going;
		session->going_room = room;
	}
	session->going[session->going_count++] = (struct session_going){*id, tap_now()};
}

// Whether it is in the hash for its own sake, and when it was stamped last.
static bool stamped(const struct session *session, const struct fim_id *id, uint64_t *ret)
{
	struct fim_id key = scan_key(id);
	struct fim_watched value;
	bool there = false;

	*ret = 0;
	for (unsigned i = 0; i < SESSION_TAPS; i++) {
		if (!session->taps[i] ||
		    bpf_map_lookup(session->taps[i]->maps.watched, &key, &value) < 0 ||
		    value.flags == FIM_WATCH_ABOVE)
			continue;
		there = true;
		*ret = value.stamp > *ret ? value.stamp : *ret;
	}
	return there;
}

// Deleted between these times. Of many moments the last few are told apart.
static void note_drop(struct session *session, uint64_t from, uint64_t until)
{
	struct session_drop *last = session->drops;
	unsigned count = 0;

	for (unsigned i = 0; i < session->drop_count; i++)
		if (session->drops[i].until >= until)
			session->drops[count++] = session->drops[i];
	session->drop_count = count;
	if (count == SESSION_DROPS) {
		last += count - 1;
		last->until = tap_now();
		return;
	}
	session->drops[session->drop_count++] = (struct session_drop){from, tap_now()};
}

enum going { GOING_ON, GOING_GONE, GOING_DROPPED, GOING_FORCED };

static enum going settle(struct session *session, const struct session_going *going,
			 uint64_t until)
{
	uint64_t stamp;
	bool forced;

	if (inode_table_known(&session->inodes, &going->id, NULL) ||
	    way_other_knows(session, &going->id) || !stamped(session, &going->id, &stamp))
		return GOING_GONE;
	forced = stamp >= until;
	if (forced && tap_now() - going->since < PATIENCE_NS)
		return GOING_ON;
	apply_drop_key(session, &going->id);
	return forced ? GOING_FORCED : GOING_DROPPED;
}

void going_settle(struct session *session, uint64_t until)
{
	uint64_t from = tap_now();
	size_t left = 0, dropped = 0;

	if (reconcile_reads_keys(session))
		return; // or it would begin again
	for (size_t i = 0; i < session->going_count; i++) {
		enum going went = settle(session, &session->going[i], until);

		if (went == GOING_ON)
			session->going[left++] = session->going[i];
		if (went == GOING_FORCED && until < from)
			from = until;
		dropped += went >= GOING_DROPPED;
	}
	session->going_count = left;
	if (dropped)
		note_drop(session, from, until);
}

bool going_met(const struct session *session, uint64_t time)
{
	for (unsigned i = 0; i < session->drop_count; i++)
		if (session->drops[i].from <= time && time <= session->drops[i].until)
			return true;
	return false;
}

void going_deinit(struct session *session)
{
	free(session->going);
	session->going = NULL;
	session->going_count = session->going_room = 0;
}
