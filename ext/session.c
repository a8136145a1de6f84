// SPDX-License-Identifier: GPL-2.0-only
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf_map.h"
#include "decode.h"
#include "json.h"
#include "notice.h"
#include "probe.h"

#define CLOCK_STEP_NS 100000000
#define CLOCK_NOISE_NS 1000000
#define KNOWN_PATHS 64

// --- clocks and mounts -------------------------------------------------

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_wall(const struct session *session)
{
	return record_wall_ns(tap_now(), session->wall_offset);
}

static int read_mounts(struct session *session)
{
	struct mount_table mounts;
	int error = mount_table_init(&mounts, "/proc/self/mountinfo");

	if (error < 0)
		return error;
	mount_table_deinit(&session->mounts);
	session->mounts = mounts;
	return 0;
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
	buffer_add_string(out, "\"before\": ");
	json_time_ns(out, now + before);
	buffer_add_string(out, ", \"after\": ");
	json_time_ns(out, now + after);
	session_emit(session, "clock", buffer_bytes(out),
		     bytes_of_string("the wall clock was set"));
}

// Once a second: the mounts may have changed, the wall clock may have been set.
static void refresh(struct session *session, uint64_t now)
{
	int64_t before = session->wall_offset;

	if (now - session->refreshed < SESSION_REFRESH_NS)
		return;
	session->refreshed = now;
	measure_clocks(session);
	tell_clock_step(session, before);
	read_mounts(session); // on failure the old table goes on serving
}

// --- lines -------------------------------------------------------------

int session_emit(struct session *session, const char *kind, struct bytes members,
		 struct bytes message)
{
	int64_t now = now_wall(session);

	session->stream.seq++;
	if (session->text_format)
		notice_text(kind, now, session->utc, message, &session->out);
	else
		notice_json(&session->stream, kind, now, members, &session->out);
	buffer_add_byte(&session->out, '\n');
	return session->out.error;
}

static void emit_gap(struct session *session, const struct tap_gap *gap, const char *reason)
{
	struct buffer members = {0}, message = {0};

	notice_gap(gap, session->wall_offset, reason, &members);
	buffer_format(&message, "%llu records lost on cpu %u: %s",
		      (unsigned long long)(gap->last - gap->first + 1), gap->cpu, reason);
	session_emit(session, "gap", buffer_bytes(&members), buffer_bytes(&message));
	buffer_deinit(&members);
	buffer_deinit(&message);
}

// Inodes that could not be inherited were not heard of until the larger hash
// was filled: how many of their records are missing nobody knows.
static void emit_unheard(struct session *session)
{
	struct buffer *out = &session->line;

	buffer_reset(out);
	buffer_add_string(out, "\"cpu\": null, \"lost\": null, \"first\": null, "
			       "\"last\": null, \"since\": ");
	json_time_ns(out, record_wall_ns(session->insert_failed, session->wall_offset));
	buffer_add_string(out, ", \"until\": ");
	json_time_ns(out, record_wall_ns(session->switched, session->wall_offset));
	buffer_add_string(out, ", \"reason\": \"the hash of watched inodes was full\"");
	session_emit(session, "gap", buffer_bytes(out),
		     bytes_of_string("records lost: the hash of watched inodes was full"));
}

static void on_gap(void *context, const struct tap_gap *gap)
{
	struct session *session = context;

	session->counts[SESSION_GAPS]++;
	session->counts[SESSION_LOST] += gap->last - gap->first + 1;
	emit_gap(session, gap, "the ring was full");
}

static void emit_path(struct session *session, const char *kind, struct bytes path,
		      const char *key, const char *why)
{
	struct buffer members = {0}, message = {0};

	record_path(&members, key, "path_b64", path);
	json_key(&members, "message");
	json_string(&members, why);
	buffer_add(&message, path.data, path.length);
	buffer_add_string(&message, ": ");
	buffer_add_string(&message, why);
	session_emit(session, kind, buffer_bytes(&members), buffer_bytes(&message));
	buffer_deinit(&members);
	buffer_deinit(&message);
}

static void render(struct session *session, const struct fim_view *view)
{
	session->stream.seq++;
	if (session->text_format)
		fim_render_text(view, session->utc, &session->out);
	else
		fim_render_json(view, &session->stream, &session->out);
	buffer_add_byte(&session->out, '\n');
	session->counts[SESSION_EVENTS]++;
	session->counts[SESSION_LATE] += view->late;
}

// --- scanning ----------------------------------------------------------

struct visit {
	struct session *session;
	const char *root;         /* the scan's top is a root with this path */
	const struct fim_id *dir; /* or has this name in this directory */
	struct bytes name;
};

static struct tap *newest(const struct session *session)
{
	return session->taps[1] ? session->taps[1] : session->taps[0];
}

static int visit_path(const struct visit *visit, const struct scan_entry *entry, struct bytes *ret)
{
	struct session *session = visit->session;

	if (!entry->dir) {
		*ret = entry->name; // the top is told by its whole path
		return 0;
	}
	return inode_table_path_in(&session->inodes, entry->dir, entry->name, session->text[4],
				   EVENT_PATH_SIZE, ret);
}

static void emit_found(const struct visit *visit, const struct scan_entry *entry)
{
	struct session *session = visit->session;
	struct buffer members = {0};
	struct bytes path;

	if (visit_path(visit, entry, &path) < 0)
		return;
	notice_found(path, &entry->id, entry->mode, "in a directory that was moved in", &members);
	session_emit(session, "found", buffer_bytes(&members), path);
	buffer_deinit(&members);
}

static int visit_top(struct visit *visit, const struct scan_entry *entry)
{
	struct session *session = visit->session;

	if (visit->root)
		return inode_table_set_root(&session->inodes, &entry->id,
					    bytes_of_string(visit->root), 0);
	return inode_table_add_name(&session->inodes, visit->dir, visit->name, &entry->id,
				    S_ISDIR(entry->mode));
}

static int visit_entry(void *context, const struct scan_entry *entry)
{
	struct visit *visit = context;
	struct session *session = visit->session;
	int error = entry->dir
		? inode_table_add_name(&session->inodes, entry->dir, entry->name, &entry->id,
				       S_ISDIR(entry->mode))
		: visit_top(visit, entry);

	if (error < 0)
		session->counts[SESSION_REFUSED]++;
	if (entry->dir && session->found && entry->inserted)
		emit_found(visit, entry);
	return 0;
}

static bool visit_enter(void *context, const struct scan_entry *entry)
{
	struct visit *visit = context;
	struct session *session = visit->session;
	const struct mount *mount;
	struct bytes path;

	if (visit_path(visit, entry, &path) < 0)
		return true;
	mount = mount_table_at(&session->mounts, path);
	if (session->one_file_system) {
		emit_path(session, "withheld", path, "path", "not entered: --one-file-system");
		return false;
	}
	if (!mount || mount->kind == MOUNT_LOCAL)
		return true;
	emit_path(session, "withheld", path, "path", mount->kind == MOUNT_NETWORK
		  ? "not entered: a network file system" : "not entered: a pseudo file system");
	return false;
}

static void visit_unreadable(void *context, const struct scan_entry *entry, int error)
{
	struct visit *visit = context;
	struct bytes path;

	visit->session->counts[SESSION_UNREADABLE]++;
	if (visit_path(visit, entry, &path) == 0)
		emit_path(visit->session, "error", path, "where", strerror(-error));
}

static int drain_all(struct session *session)
{
	int error = 0;

	for (unsigned i = 0; error >= 0 && i < SESSION_TAPS; i++)
		if (session->taps[i])
			error = tap_drain(session->taps[i], 0);
	return error < 0 ? error : 0;
}

static int visit_pump(void *context)
{
	return drain_all(((struct visit *)context)->session);
}

static void scan_prepare(struct session *session, struct visit *visit, struct scan *ret)
{
	const struct tap_maps *maps = &newest(session)->maps;

	*ret = (struct scan){
		.watched = maps->watched,
		.learned = session->learn_probe < 0 ? -1 : maps->learned,
		.context = visit,
		.entry = visit_entry,
		.enter = visit_enter,
		.unreadable = visit_unreadable,
		.pump = visit_pump,
	};
}

static int run_scan(struct session *session, struct visit *visit, const char *path)
{
	struct scan scan;
	int error;

	visit->session = session;
	scan_prepare(session, visit, &scan);
	error = scan_tree(&scan, path);
	session->counts[SESSION_UNLEARNED] += scan.unlearned;
	session->counts[SESSION_SCANNED] += scan.scanned;
	if (error == -ENOSPC)
		session->need_room = true;
	return error;
}

static int set_settings(struct session *session, uint32_t scanner)
{
	struct fim_settings settings = {scanner, session->mnt_ns_offset};
	uint32_t zero = 0;

	return bpf_map_update(newest(session)->maps.settings, &zero, &settings);
}

// Where in struct mnt_namespace the inode number is: where our own is.
static void find_mnt_ns(struct session *session)
{
	struct fim_learned learned;
	struct scan scan;
	uint32_t zero = 0;
	struct fim_id id;
	mode_t mode;

	scan_prepare(session, NULL, &scan);
	if (scan.learned < 0 || scan_identify(&scan, AT_FDCWD, "/", 0, &id, &mode) < 0 ||
	    bpf_map_lookup(scan.learned, &zero, &learned) < 0)
		return;
	for (uint32_t i = 1; i < FIM_MNT_NS_BYTES / 4; i++)
		if (learned.mnt_ns[i] == session->mnt_ns && session->mnt_ns)
			session->mnt_ns_offset = i * 4;
}

int session_scan_begin(struct session *session)
{
	int error = set_settings(session, (uint32_t)syscall(__NR_gettid));

	if (error < 0)
		return error;
	session->learn_probe = -1;
	if (session->learn_program >= 0)
		session->learn_probe = probe_attach(session->learn_function,
						    session->learn_program);
	find_mnt_ns(session);
	return set_settings(session, (uint32_t)syscall(__NR_gettid));
}

int session_scan_end(struct session *session)
{
	if (session->learn_probe >= 0)
		close(session->learn_probe);
	session->learn_probe = -1;
	return set_settings(session, 0);
}

void session_hold(struct session *session, bool hold)
{
	session->held = hold;
}

// --- watching ----------------------------------------------------------

static int want(struct session *session, const struct fim_id *dir, const char *name)
{
	size_t length = strlen(name);
	struct session_wanted *wanted = malloc(sizeof(*wanted) + length + 1);

	if (!wanted)
		return -ENOMEM;
	wanted->dir = *dir;
	wanted->length = length;
	memcpy(wanted->name, name, length + 1);
	wanted->next = session->wanted;
	session->wanted = wanted;
	return 0;
}

// The directory `dir` is watched for the name `name`, unless it is anyway.
static int watch_name(struct session *session, const char *dir, const char *name,
		      struct fim_id *ret)
{
	struct scan scan;
	uint32_t known;
	mode_t mode;
	int error;

	scan_prepare(session, NULL, &scan);
	error = scan_identify(&scan, AT_FDCWD, dir, 0, ret, &mode);
	if (error < 0)
		return error;
	if (inode_table_known(&session->inodes, ret, &known) && !(known & INODE_NAMES_ONLY))
		return 0;
	error = scan_insert(&scan, ret, FIM_WATCH_NAMES);
	if (error < 0)
		return error;
	error = inode_table_set_root(&session->inodes, ret, bytes_of_string(dir),
				     INODE_DIR | INODE_NAMES_ONLY);
	return error < 0 ? error : want(session, ret, name);
}

static int watch_file(struct session *session, const char *path)
{
	struct visit visit = {0};
	char *dir = strdup(path), *slash;
	struct fim_id id;
	int error;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	visit.name = bytes_of_string(path + (slash - dir) + 1);
	*slash = '\0';
	error = watch_name(session, *dir ? dir : "/", visit.name.data, &id);
	visit.dir = &id;
	if (error >= 0)
		error = run_scan(session, &visit, path);
	free(dir);
	return error == -ENOENT ? 0 : error;
}

int session_watch(struct session *session, const char *path)
{
	struct visit visit = {.root = path};
	struct stat st;
	struct scan scan;
	struct fim_id id;
	mode_t mode;
	int error;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return watch_file(session, path);
	error = run_scan(session, &visit, path);
	if (error < 0)
		return error;
	// A root that only was a names-only directory before inherits now.
	scan_prepare(session, &visit, &scan);
	if (scan_identify(&scan, AT_FDCWD, path, 0, &id, &mode) == 0)
		inode_table_set_flags(&session->inodes, &id, 0, INODE_NAMES_ONLY);
	return 0;
}

int session_watch_canary(struct session *session, const char *path)
{
	struct scan scan;
	struct fim_id id;
	mode_t mode;
	int error;

	scan_prepare(session, NULL, &scan);
	error = scan_identify(&scan, AT_FDCWD, path, 0, &id, &mode);
	if (error < 0)
		return error;
	error = scan_insert(&scan, &id, FIM_WATCH_INHERIT | FIM_WATCH_CANARY);
	return error < 0 ? error : 0;
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

static void scan_after(struct session *session, const struct fim_view *view)
{
	const struct fim_event *event = view->event;
	bool rename = event->op == FIM_OP_RENAME;
	struct visit visit = {
		.dir = rename ? &event->dir2 : &event->dir,
		.name = event_leaf(event, rename ? FIM_TEXT_PATH2 : FIM_TEXT_PATH),
	};
	struct bytes copy;

	if (!view->path.data || !view->path_complete || session_scan_begin(session) < 0)
		return;
	copy = bytes_of(memcpy(session->text[5], view->path.data, view->path.length),
			view->path.length);
	session->text[5][copy.length] = '\0';
	session->found = S_ISDIR(event->file.mode);
	run_scan(session, &visit, session->text[5]);
	session->found = false;
	session_scan_end(session);
}

// A root that was renamed has its new path from the record itself.
static void move_root(struct session *session, const struct fim_view *view)
{
	const struct fim_id *id = &view->event->file.id;
	uint32_t flags;

	if (view->event->op == FIM_OP_RENAME && view->path.data && view->path_complete &&
	    inode_table_known(&session->inodes, id, &flags) && flags & INODE_ROOT)
		inode_table_set_root(&session->inodes, id, view->path, 0);
}

static void session_event(struct session *session, const struct fim_event *event)
{
	struct fim_view view;
	unsigned after;

	if (event->flags & FIM_EVENT_CANARY) {
		session->canary |= 1ull << event->op;
		return;
	}
	if (event->flags & FIM_EVENT_NAMES_ONLY && !apply_is_wanted(session, event)) {
		session->counts[SESSION_WITHHELD]++;
		return;
	}
	after = apply_event(session, event);
	resolve_event(session, event, &view);
	render(session, &view);
	move_root(session, &view);
	if (after & APPLY_SCAN)
		scan_after(session, &view);
	if (after & APPLY_LET_GO)
		apply_let_go(session, &event->file.id);
	if (event->time > session->delivered)
		session->delivered = event->time;
}

static void deliver(struct session *session, uint64_t until)
{
	struct fim_event *event;
	unsigned tap;

	while (!session->out.error && (event = order_pop(&session->order, until, &tap))) {
		if (accept(session, event, tap))
			session_event(session, event);
		free(event);
	}
}

static void drop_predecessor(struct session *session)
{
	tap_drain(session->taps[0], 1);
	tap_deinit(session->taps[0]);
	free(session->taps[0]);
	session->taps[0] = session->taps[1];
	session->taps[1] = NULL;
}

static void look_at_room(struct session *session)
{
	if (inode_table_count(&session->inodes) * 10ull > session->entries * 8ull)
		session->need_room = true;
}

int session_pump(struct session *session, int timeout_ms, bool final)
{
	uint64_t now;
	int error = tap_wait(session->taps[0], final ? 0 : timeout_ms);

	if (error < 0 && error != -EINTR)
		return error;
	now = tap_now();
	if (session->taps[1] && session->switched)
		drop_predecessor(session);
	error = final ? tap_drain(session->taps[0], 1) : drain_all(session);
	if (error < 0)
		return error;
	refresh(session, now);
	if (!session->held || final)
		deliver(session, final ? UINT64_MAX : now - SESSION_HOLD_NS);
	look_at_room(session);
	return session->out.error;
}

// --- life --------------------------------------------------------------

int session_tap(struct session *session, const struct tap_maps *maps, size_t pages,
		uint64_t entries, const char *learn_function, int learn_program)
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
	tap->on_gap = on_gap;
	tap->context = session;
	session->taps[place] = tap;
	session->entries = entries;
	session->need_room = false;
	free(session->learn_function);
	session->learn_function = learn_function ? strdup(learn_function) : NULL;
	session->learn_program = session->learn_function ? learn_program : -1;
	return 0;
}

int session_switch(struct session *session)
{
	if (!session->taps[1])
		return -EINVAL;
	session->switched = tap_now();
	session->twin_count = 0;
	if (session->insert_failed)
		emit_unheard(session);
	session->insert_failed = 0;
	return 0;
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
	session->learn_probe = -1;
	session->text_format = options->text_format;
	session->utc = options->utc;
	session->one_file_system = options->one_file_system;
	session->stream.stream = options->stream;
	session->stream.boot_id = options->boot_id;
	session->stream.host = bytes_of_string(options->host);
	session->stream.labels = bytes_of_string(options->labels);
	session->mnt_ns = own_mnt_ns();
	users_init(&session->users);
	order_init(&session->order);
	measure_clocks(session);
	session->refreshed = tap_now();
	error = allocate(session, options->seed);
	if (error == 0)
		error = read_mounts(session);
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
	if (session->learn_probe >= 0)
		close(session->learn_probe);
	for (unsigned i = 0; i < SESSION_TEXTS; i++)
		free(session->text[i]);
	free(session->known);
	free(session->learn_function);
	forget_wanted(session);
	buffer_deinit(&session->known_text);
	buffer_deinit(&session->out);
	buffer_deinit(&session->line);
	order_deinit(&session->order);
	users_deinit(&session->users);
	mount_table_deinit(&session->mounts);
	inode_table_deinit(&session->inodes);
	memset(session, 0, sizeof(*session));
	session->learn_probe = -1;
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
