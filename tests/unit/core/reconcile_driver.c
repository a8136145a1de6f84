/* SPDX-License-Identifier: GPL-2.0-only
 *
 * reconcile_driver.c - a session on maps of its own, whose hooks are the test: a
 * frame is a verb and its text; the answer is the lines that came of it.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_map.h"
#include "decode.h"
#include "earlier.h"
#include "frame.h"
#include "json.h"
#include "session_parts.h"

#define ENTRIES 100000
#define STRANGERS 60000

static int map(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = entries;
	return (int)syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static struct fim_id id_of(const char *path)
{
	struct fim_id id = {0};
	struct stat st;

	if (lstat(path, &st) == 0)
		id = (struct fim_id){.ino = st.st_ino, .dev = scan_kernel_dev(st.st_dev)};
	return id;
}

/* Where not NULL: a file is removed and made anew while it is looked at, "/PATH". */
static const char *made_anew;
static struct session *session_of;

static void stamp(struct session *session, const char *text);

/* What scan.c calls. */
int fstatat(int at, const char *restrict name, struct stat *restrict st, int flags)
{
	if (made_anew && strcmp(made_anew, name) == 0)
		stamp(session_of, made_anew);
	return (int)syscall(__NR_newfstatat, at, name, st, flags);
}

/* As a hook does: the entry is there, and has the record's time, "TIME/PATH"; "/PATH": now. */
static void stamp(struct session *session, const char *text)
{
	uint64_t time = strtoull(text, NULL, 10);
	struct fim_watched value = {.stamp = time ? time : tap_now()};
	struct fim_id id = id_of(strchr(text, '/'));

	bpf_map_update(session->taps[0]->maps.watched, &id, &value);
}

static void put_name(struct session *session, const struct fim_id *dir, struct bytes name,
		     const struct fim_id *id, struct buffer *out)
{
	const struct traits *traits = inode_table_traits(&session->inodes, id);
	struct traits_of of = {*id, traits ? *traits : (struct traits){0}};
	struct bytes path = {NULL, 0};

	inode_table_path_in(&session->inodes, dir, name, session->text[0], EVENT_PATH_SIZE, &path);
	json_begin_object(out);
	json_key(out, "path");
	json_text(out, path);
	json_key(out, "file");
	traits_file_json(&of, out);
	json_end_object(out);
	buffer_add_byte(out, '\n');
}

static void put_all(struct session *session, struct buffer *out)
{
	struct inode_cursor cursor = {0}, children;
	struct fim_id dir, child;
	struct bytes name;

	while (inode_table_next(&session->inodes, &cursor, &dir, NULL)) {
		children = inode_table_children(&session->inodes, &dir);
		while (inode_table_next_child(&session->inodes, &children, &child, &name))
			put_name(session, &dir, name, &child, out);
	}
}

/* Keys that no name leads to, stamped now: more than a slice can read. */
static void put_strangers(struct session *session)
{
	struct fim_watched value = {.stamp = tap_now()};
	struct fim_id id = {.dev = 1};

	for (id.ino = 1; id.ino <= STRANGERS; id.ino++)
		bpf_map_update(session->taps[0]->maps.watched, &id, &value);
}

static int pump(struct session *session)
{
	int error = session_pump(session, 5, false);

	while (error == 0 && (session->order.count || session->awaited.count || reconcile_busy(session)))
		error = session_pump(session, 1, false);
	return error;
}

static int act(struct session *session, char verb, struct bytes text, struct buffer *out)
{
	struct fim_watched value;
	struct fim_id id;
	uint64_t since;
	uint32_t cursor = 0;
	uint64_t altered;
	bool over;
	int own, error;

	switch (verb) {
	case 'w':
		return session_scan_begin(session) || session_watch(session, text.data) ||
		       session_scan_end(session);
	case 'O': /* this file, or what is in this directory, is ours */
		own = open(text.data, O_PATH | O_CLOEXEC);
		error = session_scan_begin(session) || session_own(session, own) ||
			session_scan_end(session);
		close(own);
		return error;
	case 's':
		stamp(session, text.data);
		return 0;
	case 'd': /* the inode is gone */
		memcpy(&id, text.data, sizeof(id));
		bpf_map_delete(session->taps[0]->maps.watched, &id);
		return 0;
	case 'm':
		put_strangers(session);
		return 0;
	case 'y': /* whether keys are being read */
		json_bool(out, reconcile_reads_keys(session));
		return 0;
	case 'x': /* the key looked at last is removed by the kernel */
		bpf_map_delete(session->taps[0]->maps.watched, &session->reconcile->key);
		return 0;
	case 'K': /* [how many keys are gone, whether that were all] */
		altered = session_check_keys(session, ENTRIES, &over);
		buffer_format(out, "[%llu, %s]\n", (unsigned long long)altered,
			      over ? "true" : "false");
		return 0;
	case 'a': /* the same, where this is made anew meanwhile */
		made_anew = text.data;
		error = act(session, 'K', text, out);
		made_anew = NULL;
		return error;
	case 'E':
		return session_exclude(session, text.data);
	case 'W': /* everything is to be compared */
		session_emit(session, "blind", bytes_of(NULL, 0), bytes_of(NULL, 0));
		reconcile_whole(session, session->stream.seq, 0);
		return 0;
	case 'X': /* or by us */
		apply_drop_key(session, &session->reconcile->key);
		return 0;
	case 'k':
		id = id_of(text.data);
		json_bool(out, bpf_map_lookup(session->taps[0]->maps.watched, &id, &value) == 0);
		return 0;
	case 'v': /* [flags, spots] of a key */
		id = *text.data == '/' ? id_of(text.data)
				       : (struct fim_id){strtoul(text.data, NULL, 10), FIM_DEVICE, 0};
		value = (struct fim_watched){0};
		error = bpf_map_lookup(session->taps[0]->maps.watched, &id, &value);
		buffer_format(out, error ? "null\n" : "[%u, %u]\n", value.flags, value.spots);
		return 0;
	case 'B': /* it was open before the monitor was there */
		id = id_of(text.data);
		inode_table_set_flags(&session->inodes, &id, INODE_OPEN_BEFORE, 0);
		return 0;
	case 'S': /* "BITS/PATH" */
		return session_spot(session, strchr(text.data, '/'),
				    (uint32_t)strtoul(text.data, NULL, 10));
	case 'D': /* a block device, with what is below it */
		devices_add(session, (uint32_t)strtoul(text.data, NULL, 10));
		return 0;
	case 'r':
		return order_push(&session->order, (const struct fim_event *)text.data, 1);
	case 'g':
		memcpy(&since, text.data, sizeof(since));
		emit_unheard(session, since, tap_now(), "a test");
		return 0;
	case 'p':
		return pump(session);
	case 'q': /* a slice */
		return session_pump(session, 1, false);
	case 'o':
		do {
			if (earlier_save(session, &cursor, out) < 0)
				return 1;
		} while (cursor);
		return 0;
	case 'e':
		return earlier_load(session, text);
	case 'c':
		return session_emit(session, "start", bytes_of(NULL, 0), bytes_of(NULL, 0)) ||
		       earlier_compare(session, 0);
	case 'n': /* what to read, from now on */
		session->wants_contents = true;
		buffer_add(out, session->contents.data, session->contents.length);
		buffer_reset(&session->contents);
		return 0;
	case 'j': /* a byte: join; a byte: records a second */
		return session_limit(session, text.data[0], (unsigned char)text.data[1]);
	case 'l':
		put_all(session, out);
		return 0;
	}
	return 1;
}

int main(void)
{
	static const struct session_options options = {
		.stream = "0123456789abcdef", .boot_id = "b", .host = "{}", .labels = "{}",
		.seed = "sixteen bytes ok"};
	static const char *const none[SESSION_LEARN];
	struct tap_maps maps = {
		.watched = map(BPF_MAP_TYPE_HASH, 16, sizeof(struct fim_watched), ENTRIES),
		.sequence = map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1),
		.counters = map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, FIM_COUNTER_END),
		.settings = map(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct fim_settings), 1),
		.learned = -1,
		.events = map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1024),
		.wanted = map(BPF_MAP_TYPE_HASH, sizeof(struct fim_wanted), 4, 16),
	};
	static struct session session;
	struct bytes frame;

	session_of = &session;
	if (maps.watched < 0 || session_init(&session, &options) < 0 ||
	    session_tap(&session, &maps, 1, ENTRIES, none, -1) < 0)
		return 1;
	while (frame_read(&frame)) {
		struct buffer out = {0};
		/* the text is aligned, and ends in a NUL that does not count */
		char *text = calloc(1, frame.length);

		memcpy(text, frame.data + 1, frame.length - 1);
		if (act(&session, frame.data[0], bytes_of(text, frame.length - 1), &out))
			return 2;
		buffer_add(&session.out, out.data, out.length);
		frame_write(session.out.data, session.out.length);
		buffer_reset(&session.out);
		buffer_deinit(&out);
		free(text);
		free((char *)frame.data);
	}
	session_deinit(&session);
	return 0;
}
