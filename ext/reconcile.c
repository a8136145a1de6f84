// SPDX-License-Identifier: GPL-2.0-only
#include "reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session_parts.h"
#include "visit.h"

// --- gaps ----------------------------------------------------------------

static void open_gap(struct session *session, uint64_t seq, uint64_t since, bool whole)
{
	struct reconcile *r = session->reconcile;
	size_t room = r->gap_room ? r->gap_room * 2 : 16;
	struct gap *gaps = r->gaps;

	if (r->gap_count == r->gap_room) {
		gaps = realloc(gaps, room * sizeof(*gaps));
		if (!gaps) {
			session->counts[SESSION_NO_MEMORY]++; // it stays open
			return;
		}
		r->gaps = gaps;
		r->gap_room = room;
	}
	gaps[r->gap_count++] = (struct gap){seq, since, tap_now()};
	r->next_whole = r->next_whole || whole;
	observe_suspects(r, &gaps[r->gap_count - 1]);
}

void reconcile_gap(struct session *session, uint64_t seq, uint64_t since)
{
	open_gap(session, seq, since, false);
}

void reconcile_whole(struct session *session, uint64_t seq, uint64_t since)
{
	open_gap(session, seq, since, true);
}

void reconcile_stampless(struct session *session)
{
	struct reconcile *r = session->reconcile;

	r->next_whole = r->next_whole || r->gap_count > r->served;
	if (r->phase != SWEEP_KNOWN)
		return;
	r->whole = true;
	r->cursor = (struct inode_cursor){0};
}

void reconcile_read(struct session *session, const struct fim_id *dir)
{
	sweep_directory_again(session->reconcile, dir);
}

bool reconcile_reads_keys(const struct session *session)
{
	return session->reconcile->phase == SWEEP_KEYS;
}

void reconcile_key_goes(struct session *session, const struct fim_id *key)
{
	sweep_key_goes(session->reconcile, key);
}

bool reconcile_busy(const struct session *session)
{
	return session->reconcile->gap_count > 0;
}

// --- begin and end -------------------------------------------------------

static void begin(struct reconcile *r)
{
	r->served = r->gap_count;
	r->since = UINT64_MAX;
	for (size_t i = 0; i < r->served; i++)
		if (r->gaps[i].since < r->since)
			r->since = r->gaps[i].since;
	r->since -= r->since < RECONCILE_SLACK_NS ? r->since : RECONCILE_SLACK_NS;
	r->whole = r->next_whole;
	r->next_whole = false;
	r->begun = tap_now();
	r->cursor = (struct inode_cursor){0};
	r->phase = SWEEP_KNOWN;
	mounts_refresh(r->session);
}

static void reset(struct reconcile *r)
{
	for (size_t i = 0; i < r->dirs.count; i++)
		inode_table_set_flags(&r->session->inodes, &r->dirs.id[i], 0, INODE_SWEPT);
	ids_reset(&r->dirs);
	ids_reset(&r->lost);
	ids_reset(&r->again);
	ids_reset(&r->nameless);
	r->numbers = (struct sweep_numbers){0};
	r->steps = 0;
	r->ahead = r->keys_over = r->rescan = false;
	r->verdicts = r->found_before = r->found_again = 0;
	r->phase = SWEEP_IDLE;
}

// What has lost its last name was removed or went out. A key that was touched since
// the sweep began may be another inode's, whose record is on its way.
static void let_go(struct reconcile *r, const struct fim_id *id)
{
	struct session *session = r->session;
	struct fim_watched value;
	uint32_t flags;

	verdict_risen(session, id);
	if (!inode_table_known(&session->inodes, id, &flags) || flags & INODE_ROOT ||
	    inode_table_name_count(&session->inodes, id) > 0)
		return;
	if (!sweep_key(r, id, &value) || value.stamp >= r->begun)
		inode_table_forget(&session->inodes, id);
	else
		apply_let_go(session, id);
}

static void end(struct reconcile *r)
{
	const struct fim_id *id;

	while ((id = ids_next(&r->nameless)))
		let_go(r, id);
	for (size_t i = 0; i < r->served; i++)
		finding_closed(r, &r->gaps[i], r->gaps[0].seq);
	r->gap_count -= r->served;
	memmove(r->gaps, r->gaps + r->served, r->gap_count * sizeof(*r->gaps));
	r->served = 0;
	reset(r);
}

// --- slices --------------------------------------------------------------

// A pass is over when it has nothing left and no doubt can add to it.
static void slice(struct reconcile *r)
{
	uint64_t until = tap_now() + RECONCILE_SLICE_NS;

	while (r->phase < SWEEP_END && r->doubts.count < RECONCILE_DOUBTS && tap_now() < until) {
		if (sweep_steps[r->phase](r))
			continue;
		if (r->doubts.count)
			return;
		r->phase++;
	}
}

void reconcile_step(struct session *session, uint64_t until)
{
	struct reconcile *r = session->reconcile;

	if (r->phase == SWEEP_IDLE && r->gap_count && r->gaps[r->gap_count - 1].opened < until)
		begin(r);
	if (r->phase == SWEEP_IDLE)
		return;
	session->keep_learning = true;
	if (session_learn(session) < 0)
		return;
	visit_prepare(session, NULL, &r->scan);
	verdict_settle(r, until);
	slice(r);
	if (r->phase < SWEEP_END)
		return;
	end(r);
	session->keep_learning = false;
	session_unlearned(session);
}

void reconcile_stop(struct session *session)
{
	reread_end(session->reconcile);
	session->keep_learning = false;
	session_unlearned(session);
}

// --- life ----------------------------------------------------------------

int reconcile_init(struct session *session)
{
	session->reconcile = calloc(1, sizeof(*session->reconcile));
	if (!session->reconcile)
		return -ENOMEM;
	session->reconcile->session = session;
	return 0;
}

void reconcile_deinit(struct session *session)
{
	struct reconcile *r = session->reconcile;

	if (!r)
		return;
	reset(r);
	reread_end(r);
	observe_forget(r);
	buffer_deinit(&r->reading.path);
	buffer_deinit(&r->reading.names);
	doubts_deinit(&r->doubts);
	free(r->gaps);
	free(r);
	session->reconcile = NULL;
}
