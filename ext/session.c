// SPDX-License-Identifier: GPL-2.0-only
#include "session.h"

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

#define CLOCK_STEP_NS 100000000
#define CLOCK_NOISE_NS 1000000
#define CLOCK_TICK_NS 20000000
#define KNOWN_PATHS 64
#define BUSY_MS 2 // between two slices of a sweep
#define HASH_FULL "the hash of watched inodes was full"

// --- clocks ------------------------------------------------------------

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Two readings are some microseconds apart: only a real change is taken over, so
// that the start of a process is the same in every record.
static void adopt(int64_t *offset, clockid_t clock)
{
	int64_t now = clock_ns(CLOCK_REALTIME) - clock_ns(clock);

	if (llabs(now - *offset) > CLOCK_NOISE_NS)
		*offset = now;
}

static void measure_clocks(struct session *session)
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
static void refresh(struct session *session, uint64_t now)
{
	int64_t before = session->wall_offset;

	if (now - session->refreshed < SESSION_REFRESH_NS)
		return;
	tell_unslotted(session, session->refreshed, now);
	tell_unanswered(session, session->refreshed, now);
	tell_odd(session);
	session->refreshed = now;
	measure_clocks(session);
	tell_clock_step(session, before);
}

// --- events ------------------------------------------------------------

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
static bool accept(struct session *session, const struct fim_event *event, unsigned tap)
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

// A root that was renamed has its new path from the record itself.
static void move_root(struct session *session, const struct fim_view *view)
{
	const struct fim_id *id = &view->event->file.id;
	uint32_t flags;

	// What is mounted keeps its mount point's.
	if (view->event->op == FIM_OP_RENAME && view->path.data && view->path_complete &&
	    inode_table_known(&session->inodes, id, &flags) && flags & INODE_ROOT &&
	    !(flags & INODE_MOUNTED))
		inode_table_set_root(&session->inodes, id, view->path, 0);
}

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
	if (event->op == FIM_OP_RENAME && S_ISDIR(event->file.mode) && view.path_complete)
		above_renamed(session, view.old_path, view.path);
	move_root(session, &view);
	if (after & APPLY_SCAN || leaves_spots(session, event))
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

static void deliver(struct session *session, uint64_t until)
{
	struct fim_event *event;
	unsigned tap;

	while (!session->out.error && (event = order_pop(&session->order, until, &tap))) {
		if (accept(session, event, tap)) {
			told_by_close(session, event);
			session_event(session, event);
			told_by_rename(session, event);
		}
		free(event);
	}
	watch_unread(session);
}

static void drop_predecessor(struct session *session)
{
	tap_drain(session->taps[0], 1);
	tap_deinit(session->taps[0]);
	free(session->taps[0]);
	session->taps[0] = session->taps[1];
	session->taps[1] = NULL;
	session->unslotted = session->odd = 0;
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

	if (reconcile_busy(session) && timeout_ms > BUSY_MS)
		timeout_ms = BUSY_MS;
	error = tap_wait(session->taps[0], final ? 0 : timeout_ms);
	if (error < 0 && error != -EINTR)
		return error;
	now = tap_now();
	if (session->taps[1] && session->switched)
		drop_predecessor(session);
	error = final ? tap_drain(session->taps[0], 1) : session_drain(session);
	if (error < 0)
		return error;
	refresh(session, now);
	until = final ? UINT64_MAX : now - SESSION_HOLD_NS;
	if (!session->held || final) {
		deliver(session, until);
		mounts_look(session, until);
	}
	if (final)
		reconcile_stop(session);
	else if (!session->held)
		reconcile_step(session, until);
	repeats_tell(session, until, final);
	rates_tell(session, now, final);
	withhold_tell(session, now, final);
	look_at_room(session);
	return session->out.error;
}

// --- life --------------------------------------------------------------

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

int session_exclude(struct session *session, const char *pattern)
{
	return exclude_add(&session->exclude, pattern);
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
	measure_clocks(session);
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
	earlier_deinit(session);
	for (unsigned i = 0; i < SESSION_TEXTS; i++)
		free(session->text[i]);
	free(session->known);
	free(session->unread);
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
