/* SPDX-License-Identifier: GPL-2.0-only
 *
 * record_text.c - one event as one line for a terminal:
 *
 *	WHEN  OP  PATH (what else)  by USER  PROGRAM[PID] < PARENT  $ ARGUMENTS
 *
 * Two spaces part the columns.
 */
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "decode.h"
#include "error_name.h"
#include "process.h"
#include "terminal.h"

#define SECOND 1000000000
#define OP_COLUMNS 12
#define PATH_COLUMNS 36

void record_when(int64_t ns, bool utc, struct buffer *out)
{
	int64_t rest = ns % SECOND;
	time_t sec = (time_t)(ns / SECOND) - (rest < 0);
	char text[32], offset[8];
	struct tm tm;

	if (utc)
		gmtime_r(&sec, &tm);
	else
		localtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(offset, sizeof(offset), " %z", &tm);
	buffer_format(out, "%s.%03d%s", text,
		      (int)((rest + SECOND) % SECOND / 1000000),
		      utc ? "Z" : offset);
}

void record_text_path(struct bytes path, struct buffer *out)
{
	if (!path.data)
		buffer_add_byte(out, '?');
	else
		terminal_text(path, out);
}

/* The file's own path, or the best there is instead. */
static void put_own_path(const struct fim_view *view, struct buffer *out)
{
	const struct fim_id *id = &view->event->file.id;

	if (view->path.data) {
		if (view->path.length && view->path.data[0] != '/')
			buffer_add_string(out, ".../");
		terminal_text(view->path, out);
	} else if (view->known_path_count) {
		terminal_text(view->known_paths[0], out);
	} else {
		buffer_format(out, "inode %" PRIu64 " on %u:%u",
			      (uint64_t)id->ino, id->dev >> 20,
			      id->dev & 0xfffff);
	}
}

static void put_target(const struct fim_event *event, struct buffer *out)
{
	struct bytes target = event_text(event, FIM_TEXT_TARGET);

	if (target.length)
		target.length = strnlen(target.data, target.length);
	buffer_add_string(out, " -> ");
	record_text_path(target, out);
}

/* What happened to which path, in the notation of ls and mv. */
static void put_act(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;

	if (event->op == FIM_OP_RENAME) {
		record_text_path(view->old_path, out);
		buffer_add_string(out, event->flags & FIM_EVENT_EXCHANGE
					       ? " <-> "
					       : " -> ");
	}
	put_own_path(view, out);
	if (event->op == FIM_OP_SYMLINK && !event_error(event))
		put_target(event, out);
	if (event->op == FIM_OP_LINK && !view->created && view->target_path.data) {
		buffer_add_string(out, " = ");
		record_text_path(view->target_path, out);
	}
}

static void put_device(const struct fim_file *file, struct buffer *out)
{
	if (S_ISCHR(file->mode) || S_ISBLK(file->mode))
		buffer_format(out, " (%s %u:%u)",
			      S_ISCHR(file->mode) ? "char" : "block",
			      file->rdev >> 20, file->rdev & 0xfffff);
}

static void put_open(const struct fim_view *view, struct buffer *out)
{
	const struct fim_file *loop = &view->event->other;

	put_device(&view->event->file, out);
	if (loop->rdev)
		buffer_format(out, " (as loop device %u:%u)", loop->rdev >> 20,
			      loop->rdev & 0xfffff);
	if (view->holds.data) {
		buffer_add_string(out, " (for writing, below ");
		terminal_text(view->holds, out);
		buffer_add_byte(out, ')');
	}
}

/* What is mounted, and how: "tmpfs from none, ro,nosuid" */
static void put_mount(const struct mount *mount, struct buffer *out)
{
	if (!mount)
		return;
	buffer_add_string(out, " (");
	terminal_text(mount->type, out);
	buffer_add_string(out, " from ");
	terminal_text(mount->source, out);
	buffer_add_string(out, ", ");
	terminal_text(mount->options, out);
	buffer_add_byte(out, ')');
}

static void put_error(unsigned error, struct buffer *out)
{
	char room[ERROR_NAME_SIZE];

	buffer_format(out, " (%s: %s)", error_is_denial(error) ? "DENIED" : "FAILED",
		      error_name(error, room));
}

static void put_remarks(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;

	if (event_error(event))
		put_error(event_error(event), out);
	if (event->op == FIM_OP_CLOSE)
		buffer_format(out, " (%" PRIu64 " change%s)",
			      (uint64_t)event->count,
			      event->count == 1 ? "" : "s");
	record_change_text(event, out);
	if (event->op == FIM_OP_MKNOD)
		put_device(&event->file, out);
	if (event->op == FIM_OP_OPEN && !event_error(event))
		put_open(view, out);
	put_mount(view->mount, out);
	if (view->result == VIEW_UNKNOWN)
		buffer_add_string(out, " (whether it succeeded is not known)");
	if (event->op == FIM_OP_LINK && view->created)
		buffer_add_string(out, " (created)");
	if (event->flags & FIM_EVENT_REPLACED)
		buffer_add_string(out, " (replaced)");
	if (view->deleted || event->flags & FIM_EVENT_DELETED)
		buffer_add_string(out, " (deleted)");
	if (view->known_path_count > 1)
		buffer_format(out, " (%zu names)", view->known_path_count);
	if (!view->path_complete)
		buffer_add_string(out, " (path incomplete)");
	if (view->path_mount == VIEW_MOUNT_GUESSED)
		buffer_add_string(out, " (mount guessed)");
	if (view->late)
		buffer_add_string(out, " (late)");
}

void fim_render_text(const struct fim_view *view, bool utc, struct buffer *out)
{
	size_t start;

	record_when(view->time_ns, utc, out);
	buffer_add(out, "  ", 2);
	start = out->length;
	buffer_add_string(out, event_op_word(view->event->op));
	terminal_pad(out, start, OP_COLUMNS - 1);
	start = out->length;
	put_act(view, out);
	put_remarks(view, out);
	terminal_pad(out, start, PATH_COLUMNS);
	process_render_text(view, out);
}
