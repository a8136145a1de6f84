/* SPDX-License-Identifier: GPL-2.0-only
 *
 * record.h - one event as the contract's `event` record: JSON, or a line for a
 * terminal.
 *
 * session.c resolves an event into a struct fim_view; here it is only written.
 * Nothing is looked up, and the same view gives the same bytes (the text form
 * depends on the time zone unless `utc`).
 */
#ifndef FIM_RECORD_H
#define FIM_RECORD_H

#include <stdint.h>

#include "arguments.h"
#include "buffer.h"
#include "bytes.h"
#include "event.h"
#include "mount_table.h"

#define FIM_SCHEMA 1

enum view_mount {
	VIEW_MOUNT_UNKNOWN, /* null */
	VIEW_MOUNT_EXACT,
	VIEW_MOUNT_ONLY,
	VIEW_MOUNT_GUESSED,
};

/* Most hooks run after success only; the others say. */
enum view_result {
	VIEW_SUCCESS,
	VIEW_UNKNOWN,
};

/* Many like it in one record (repeat.h). */
struct view_repeats {
	uint64_t count;
	uint64_t changes; /* the sum of their counts */
	int64_t first_ns, last_ns; /* as time_ns */
};

/* What an event became.  Paths are bytes; `.data` NULL is null.  {0} with
 * `event` and `time_ns` set is a valid view in which nothing was found out. */
struct fim_view {
	const struct fim_event *event; /* as fim_decode() gave it */
	int64_t time_ns;               /* wall clock, ns since 1970 */

	struct bytes path;        /* the host's name; rename: the new one */
	struct bytes actor_path;  /* only when it differs from `path` */
	struct bytes old_path;    /* rename */
	struct bytes target_path; /* link: the existing name */
	const struct bytes *known_paths; /* written when they say more than `path` */
	size_t known_path_count;
	uint32_t names_known;
	enum view_mount path_mount;
	bool path_complete;
	bool deleted; /* or the record's own FIM_EVENT_DELETED */
	bool late;
	bool created; /* link: it is the file's first name (O_TMPFILE) */

	enum view_result result;
	struct bytes holds; /* open of a block device: where its file system is mounted */
	const struct view_repeats *repeats; /* NULL: it is one */
	const struct mount *mount; /* mount, umount: what was; NULL unknown */

	enum arguments_shown arguments;

	const struct fim_id *stat_id; /* what stat says, NULL: event->file.id */

	/* Completed by the session, or `.data` NULL: then as the record has it. */
	struct bytes exe;
	struct bytes parent_exe;
	struct bytes cwd;

	const char *user;       /* of uid; NULL unknown */
	const char *login_user; /* of auid; NULL unknown or unset */
};

/* What is the same for every record of a stream, and its next number. */
struct fim_stream {
	uint64_t seq;
	const char *stream;  /* random per start */
	const char *boot_id; /* goes into entity_id */
	int64_t boot_ns;     /* wall clock minus the clock of fim_actor.start */
	struct bytes host;   /* JSON object */
	struct bytes labels; /* JSON object; empty: {} */
	struct process_last *last; /* process_last.h; NULL: none is kept */
};

/* One JSON object, without a newline.
 *
 * Members that hold for every operation are always there, null when unknown;
 * these only where they say something:
 *	actor_path known_paths		as given
 *	old_path replaced exchange	rename
 *	target_path created		link
 *	target				symlink
 *	rdev				mknod of a device
 *	rdev holds			open
 *	count bytes			close
 *	repeats first last		several in one record
 *	mount				mount, umount
 *	changed				truncate, chmod, chown, utimes, setflags
 *	flags				setflags
 *	xattr				setxattr, removexattr
 *	..._b64				beside a path that is not UTF-8
 * An `exe`, `parent.exe` or `cwd` that was cut and not completed is the end of
 * it, without a leading slash. */
void fim_render_json(const struct fim_view *view,
		     const struct fim_stream *stream, struct buffer *out);

/* One line, without a newline; `utc` or the local time with its offset. */
void fim_render_text(const struct fim_view *view, bool utc, struct buffer *out);

/* The two times are clocks of the same kind: the wall clock of a record is
 * record_wall_ns(event->time, wall clock minus CLOCK_MONOTONIC). */
static inline int64_t record_wall_ns(uint64_t clock, int64_t offset)
{
	return (int64_t)(clock + (uint64_t)offset);
}

/* The parts of it that other kinds of record have too (notice.c): the members
 * from `v` to `labels`; the time as text; a path with its base64 when it is not
 * UTF-8; the contract's word for a type. */
void record_head(const struct fim_stream *stream, const char *kind,
		 int64_t time_ns, struct buffer *out);
void record_when(int64_t ns, bool utc, struct buffer *out);
void record_path(struct buffer *out, const char *key, const char *key_b64,
		 struct bytes path);
const char *record_file_type(uint32_t mode);

/* record_change.c: `changed`, `flags` and `xattr`; the file's flags that can be
 * set; a path for a terminal, or a question mark. */
void record_change_json(const struct fim_event *event, struct buffer *out);
void record_change_text(const struct fim_event *event, struct buffer *out);
uint64_t record_flags(const struct fim_file *file);
void record_text_path(struct bytes path, struct buffer *out);

/* Stable for a process of a boot: 32 hex digits and a NUL. */
#define ENTITY_ID_SIZE 33
void fim_entity_id(const char *boot_id, const struct fim_actor *actor,
		   char ret[ENTITY_ID_SIZE]);

/* The container id in a CGROUP text (a run of exactly 64 hex digits, nearest to
 * the leaf); `.data` NULL when there is none. */
struct bytes fim_container_id(struct bytes cgroup);

#endif
