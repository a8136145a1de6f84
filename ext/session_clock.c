// SPDX-License-Identifier: GPL-2.0-only
// What is looked at once a second: the clocks, and what the kernel side could not tell.
#include "session_parts.h"

#include <stdlib.h>
#include <time.h>

#include "json.h"

#define CLOCK_STEP_NS 100000000
#define CLOCK_NOISE_NS 1000000
#define READINGS 5

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The wall clock less this one. Who is put aside between two readings is wrong by as
// much as that took: the closest of a few is taken, and said how close it was.
static int64_t read_offset(clockid_t clock, int64_t *ret_apart)
{
	int64_t offset = 0;

	*ret_apart = INT64_MAX;
	for (int i = 0; i < READINGS && *ret_apart > CLOCK_NOISE_NS; i++) {
		int64_t before = clock_ns(clock), wall = clock_ns(CLOCK_REALTIME);
		int64_t apart = clock_ns(clock) - before;

		if (apart < *ret_apart) {
			*ret_apart = apart;
			offset = wall - before - apart / 2;
		}
	}
	return offset;
}

// Only a real change is taken over, so that the start of a process is the same in
// every record.
static void adopt(int64_t *offset, clockid_t clock)
{
	int64_t apart, now = read_offset(clock, &apart);

	if (llabs(now - *offset) > CLOCK_NOISE_NS + apart)
		*offset = now;
}

void clocks_measure(struct session *session)
{
	adopt(&session->wall_offset, CLOCK_MONOTONIC);
	adopt(&session->stream.boot_ns, CLOCK_BOOTTIME);
}

static void tell_clock_step(struct session *session, int64_t before)
{
	int64_t after = session->wall_offset, now = clock_ns(CLOCK_MONOTONIC);
	struct buffer *out = &session->line;

	if (llabs(after - before) < CLOCK_STEP_NS)
		return;
	buffer_reset(out);
	json_key(out, "before");
	json_time_ns(out, now + before);
	json_key(out, "after");
	json_time_ns(out, now + after);
	session_emit(session, "clock", buffer_bytes(out),
		     bytes_of_string("the wall clock was set"));
}

// The kernel had no slot for an act under way, and could not tell that it was done.
static void tell_unslotted(struct session *session, uint64_t since, uint64_t now)
{
	uint64_t count = tap_counter(session->taps[0], FIM_COUNTER_PENDING_FAILED);

	if (count > session->unslotted)
		emit_unheard(session, since, now, "no slot for an act under way");
	session->unslotted = count;
}

// The kernel missed the return of an act: longer than a second none of them takes,
// and if one does, its record comes when it has returned.
static void tell_unanswered(struct session *session, uint64_t since, uint64_t now)
{
	uint64_t answered = tap_counter(session->taps[0], FIM_COUNTER_ANSWERED);
	uint64_t open = tap_counter(session->taps[0], FIM_COUNTER_ASKED) - answered;
	uint64_t count = open < session->asking ? open : session->asking;

	if (count > session->unanswered)
		emit_unheard(session, since, now, "no return was seen of an act under way");
	session->unanswered = count;
	session->asking = open;
}

// What was lost by that is a hole, too; but perhaps nothing was.
static void tell_odd(struct session *session)
{
	uint64_t odd = session->taps[0]->odd;

	if (odd > session->odd)
		emit_error(session, bytes_of_string("perf ring"), "it held what the kernel does not write");
	session->odd = odd;
}

// Once a second: the wall clock may have been set.
void clocks_refresh(struct session *session, uint64_t now)
{
	int64_t before = session->wall_offset;

	if (now - session->refreshed < SESSION_REFRESH_NS)
		return;
	tell_unslotted(session, session->refreshed, now);
	tell_unanswered(session, session->refreshed, now);
	tell_odd(session);
	session->refreshed = now;
	clocks_measure(session);
	tell_clock_step(session, before);
}
