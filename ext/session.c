// SPDX-License-Identifier: GPL-2.0-only
#include "session_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "decode.h"
#include "earlier.h"
#include "json.h"
#include "notice.h"

#define CLOCK_TICK_NS 20000000
#define KNOWN_PATHS 64
#define BUSY_MS 2 // between two slices of a sweep

// --- events ------------------------------------------------------------

// An ioctl that sets flags is told when it is over, whatever came of it. What it
// changed, it dated: by the clock's last tick, which no kernel has rarer than
// every 10 ms.
static bool has_failed(const struct session *session, const struct fim_event *event)
{
	const struct fim_file *now = &event->file, *before = &event->other;
	int64_t changed = record_wall_ns((uint64_t)now->ctime_sec * 1000000000, now->ctime_nsec);

	return event->op == FIM_OP_SETFLAGS && now->flags == before->flags &&
	       now->ctime_sec == before->ctime_sec && now->ctime_nsec == before->ctime_nsec &&
	       record_wall_ns(event->time, session->wall_offset) - changed > CLOCK_TICK_NS;
}

// What is below a directory that has moved may lie in fewer blind spots there.
static bool leaves_spots(const struct session *session, const struct fim_event *event)
{
	return session->spots.first && event->op == FIM_OP_RENAME && S_ISDIR(event->file.mode);
}

// Its key may have been deleted in the moment in which the kernel found it.
static bool met_by_drop(const struct session *session, const struct fim_event *event)
{
	return event_is_of_name(event) && going_met(session, event->time) &&
	       inode_table_known(&session->inodes, &event->file.id, NULL);
}

static void session_event(struct session *session, struct fim_event *event)
{
	struct fim_view view;
	unsigned after;

	if (event->flags & FIM_EVENT_FAILED) {
		attempt_event(session, event);
		return;
	}
	if (event->flags & FIM_EVENT_CANARY) {
		canary_heard(session, event);
		return;
	}
	if (event->flags & FIM_EVENT_COPIED_UP) {
		overlay_copied_up(session, event);
		overlay_mirror(session, event);
		observe_after(session, event);
		return;
	}
	if (mounts_is_act(event)) {
		mounts_act(session, event);
		return;
	}
	if (withhold_event(session, event))
		return;
	if (has_failed(session, event)) {
		session->counts[SESSION_FAILED]++;
		return;
	}
	overlay_mirror(session, event);
	observe_before(session, event);
	after = apply_event(session, event);
	observe_after(session, event);
	resolve_event(session, event, &view);
	emit_event(session, &view);
	root_event(session, &view);
	if (after & APPLY_SCAN || leaves_spots(session, event) || met_by_drop(session, event))
		watch_appeared(session, &view);
	if (after & APPLY_LET_GO)
		apply_went_out(session, event, &event->file.id);
	if (event->time > session->delivered)
		session->delivered = event->time;
}

// A rename that leaves a device at the old name gives both records.
static void told_by_rename(struct session *session, const struct fim_event *event)
{
	struct fim_event *left;

	if (event->op != FIM_OP_RENAME || !(event->flags & FIM_EVENT_WHITEOUT))
		return;
	left = whiteout_left(event);
	if (left)
		session_event(session, left);
	else
		session->counts[SESSION_NO_MEMORY]++;
	free(left);
}

// A change that only its close could tell of gives both records.
static void told_by_close(struct session *session, struct fim_event *event)
{
	if (event->op == FIM_OP_CLOSE && event->flags & FIM_EVENT_UNTOLD) {
		event->op = FIM_OP_MODIFY;
		session_event(session, event);
		event->op = FIM_OP_CLOSE;
	}
}

// A key that somebody had taken out counts from 0 since it was put back (restore.c), a file
// that was opened before from where the old one stood: more than that is not known.
static void counted_anew(struct fim_event *event)
{
	if (event->op == FIM_OP_CLOSE && event->count > INT32_MAX)
		event->count = 1;
}

static void deliver(struct session *session, uint64_t until)
{
	struct fim_event *event;
	unsigned tap;

	while (!session->out.error && (event = order_pop(&session->order, until, &tap))) {
		if (taps_accept(session, event, tap)) {
			mounts_follow(session);
			counted_anew(event);
			told_by_close(session, event);
			session_event(session, event);
			told_by_rename(session, event);
		}
		free(event);
	}
	watch_unread(session);
}

static void look_at_room(struct session *session)
{
	if (inode_table_count(&session->inodes) * 10ull > session->entries * 8ull)
		session->need_room = true;
}

int session_pump(struct session *session, int timeout_ms, bool final)
{
	uint64_t now, until;
	int error;

	if (!session->taps[0])
		return -EINVAL;
	if (reconcile_busy(session) && timeout_ms > BUSY_MS)
		timeout_ms = BUSY_MS;
	error = tap_wait(session->taps[0], final ? 0 : timeout_ms);
	if (error < 0 && error != -EINTR)
		return error;
	now = tap_now();
	if (session->taps[1] && session->switched)
		taps_drop_predecessor(session);
	error = final ? tap_drain(session->taps[0], 1) : session_drain(session);
	if (error < 0)
		return error;
	clocks_refresh(session, now);
	until = final ? UINT64_MAX : now - SESSION_HOLD_NS;
	if (!session->held || final) {
		deliver(session, until);
		awaited_settle(session, until);
		mounts_look(session, until);
	}
	if (final)
		reconcile_stop(session);
	else if (!session->held)
		reconcile_step(session, until);
	if (!session->held || final)
		going_settle(session, until);
	repeats_tell(session, until, final);
	rates_tell(session, now, final);
	withhold_tell(session, now, final);
	look_at_room(session);
	return session->out.error;
}

// --- life --------------------------------------------------------------

int session_exclude(struct session *session, const char *pattern)
{
	return exclude_add(&session->exclude, pattern);
}

static uint32_t own_mnt_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/mnt", &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

static int allocate(struct session *session, const char *seed)
{
	int error = inode_table_init(&session->inodes, SESSION_INODES, seed);

	for (unsigned i = 0; error == 0 && i < SESSION_TEXTS; i++) {
		session->text[i] = malloc(EVENT_PATH_SIZE);
		error = session->text[i] ? 0 : -ENOMEM;
	}
	session->known_room = KNOWN_PATHS;
	session->known = calloc(KNOWN_PATHS, sizeof(*session->known));
	return error == 0 && !session->known ? -ENOMEM : error;
}

int session_init(struct session *session, const struct session_options *options)
{
	int error;

	memset(session, 0, sizeof(*session));
	session->learn_program = -1;
	session->mountinfo = -1;
	session->text_format = options->text_format;
	session->utc = options->utc;
	session->one_file_system = options->one_file_system;
	session->find_links = options->find_links;
	session->arguments = options->arguments;
	session->stream.stream = options->stream;
	session->stream.boot_id = options->boot_id;
	session->stream.host = bytes_of_string(options->host);
	session->stream.labels = bytes_of_string(options->labels);
	session->stream.last = &session->last_process;
	session->mnt_ns = own_mnt_ns();
	users_init(&session->users);
	order_init(&session->order);
	clocks_measure(session);
	session->refreshed = tap_now();
	error = allocate(session, options->seed);
	if (error == 0)
		error = reconcile_init(session);
	if (error == 0)
		error = mounts_init(session);
	if (error < 0)
		session_deinit(session);
	return error;
}

static void forget_wanted(struct session *session)
{
	while (session->wanted) {
		struct session_wanted *next = session->wanted->next;

		free(session->wanted);
		session->wanted = next;
	}
}

void session_deinit(struct session *session)
{
	for (unsigned i = 0; i < SESSION_TAPS; i++) {
		if (session->taps[i])
			tap_deinit(session->taps[i]);
		free(session->taps[i]);
	}
	session_unlearn(session);
	repeats_free(session->repeats);
	rates_free(session->rates);
	reconcile_deinit(session);
	doubts_deinit(&session->awaited);
	earlier_deinit(session);
	for (unsigned i = 0; i < SESSION_TEXTS; i++)
		free(session->text[i]);
	free(session->known);
	free(session->unread);
	ids_reset(&session->keyless);
	free(session->ways);
	free(session->linked);
	for (unsigned i = 0; i < SESSION_LEARN; i++)
		free(session->learn_functions[i]);
	forget_wanted(session);
	exclude_deinit(&session->exclude);
	spots_deinit(&session->spots);
	process_last_deinit(&session->last_process);
	buffer_deinit(&session->known_text);
	buffer_deinit(&session->out);
	buffer_deinit(&session->line);
	buffer_deinit(&session->heard);
	buffer_deinit(&session->contents);
	order_deinit(&session->order);
	users_deinit(&session->users);
	mounts_deinit(session);
	cover_deinit(session);
	going_deinit(session);
	roots_deinit(session);
	devices_deinit(session);
	inode_table_deinit(&session->inodes);
	memset(session, 0, sizeof(*session));
	session->mountinfo = -1;
}

uint64_t session_counted(const struct session *session, enum session_count count)
{
	uint64_t sum = session->counts[count];

	for (unsigned i = 0; i < SESSION_TAPS; i++) {
		const struct tap *tap = session->taps[i];

		if (tap && count == SESSION_MALFORMED)
			sum += tap->malformed + tap->foreign;
		if (tap && count == SESSION_NO_MEMORY)
			sum += tap->no_memory;
	}
	return sum;
}
