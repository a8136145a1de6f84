// SPDX-License-Identifier: GPL-2.0-only
//
// session_keys.c - whether what is watched is still in the hash: whoever may use bpf(2)
// can take it out, and its hooks go on serving everything else.
//
// A key that is not there is nothing yet: the kernel removes it with its inode, and the
// record of that is on its way. So it counts at the next call, if every record older than
// the look was applied, the inode is still known, and is on the disk by one of its names.
// What was excluded since it was known is not in a hash that serves since then.
#include "bpf_map.h"
#include "session_parts.h"
#include "visit.h"

// Otherwise keys come and go, or nobody knows yet what is there.
static bool is_settled(const struct session *session)
{
	return session->taps[0] && !session->taps[1] && !session->held && !session->need_room &&
	       !session->insert_failed && !reconcile_busy(session);
}

static bool has_key(struct session *session, const struct fim_id *id)
{
	struct fim_watched value;

	return sweep_key(session->reconcile, id, &value);
}

// A file may have been removed, and another made that has its number, before it was found.
static bool is_altered(struct session *session, const struct fim_id *id)
{
	struct traits_of found;

	return inode_table_known(&session->inodes, id, NULL) && !has_key(session, id) &&
	       look_find(session->reconcile, id, &found) && !has_key(session, id) &&
	       !look_covered(session->reconcile, id);
}

static uint64_t count_altered(struct session *session)
{
	uint64_t altered = 0;
	const struct fim_id *id;

	if (session->keyless.count == 0 || session->applied < session->keyless_since ||
	    session_learn(session) < 0)
		return 0;
	visit_prepare(session, NULL, &session->reconcile->scan);
	while ((id = ids_next(&session->keyless)))
		altered += is_altered(session, id);
	session_unlearned(session);
	return altered;
}

// false: the table is over, and begins anew.
static bool look_at_next(struct session *session)
{
	struct fim_id id;
	uint32_t flags;

	if (!inode_table_next(&session->inodes, &session->key_at, &id, &flags)) {
		session->key_at = (struct inode_cursor){0};
		return false;
	}
	if (!(flags & INODE_OUTSIDE) && !has_key(session, &id) &&
	    ids_add(&session->keyless, &id) < 0)
		session->counts[SESSION_NO_MEMORY]++;
	return true;
}

uint64_t session_check_keys(struct session *session, unsigned count, bool *over)
{
	bool settled = is_settled(session);
	uint64_t altered = settled ? count_altered(session) : 0;

	ids_reset(&session->keyless);
	session->keyless_since = tap_now();
	*over = false;
	while (settled && count-- && !*over)
		*over = !look_at_next(session);
	return altered;
}
