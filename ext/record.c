/* SPDX-License-Identifier: GPL-2.0-only */
#include "record.h"

#include <sys/stat.h>

#include "decode.h"
#include "error_name.h"
#include "json.h"
#include "process.h"
#include "process_last.h"
#include "utf8.h"

void record_head(const struct fim_stream *stream, const char *kind,
		 int64_t time_ns, struct buffer *out)
{
	json_key(out, "v");
	json_unsigned(out, FIM_SCHEMA);
	json_key(out, "kind");
	json_string(out, kind);
	json_key(out, "seq");
	json_unsigned(out, stream->seq);
	json_key(out, "stream");
	json_string(out, stream->stream);
	json_key(out, "time");
	json_time_ns(out, time_ns);
	json_key(out, "host");
	json_raw(out, stream->host);
	json_key(out, "labels");
	json_raw(out, stream->labels.length ? stream->labels
					    : bytes_of_string("{}"));
}

static void put_error(unsigned error, struct buffer *out)
{
	char room[ERROR_NAME_SIZE];

	json_string(out, error_name(error, room));
}

static void put_operation(const struct fim_view *view, struct buffer *out)
{
	json_key(out, "op");
	json_string(out, event_op_word(view->event->op));
	json_key(out, "result");
	if (event_error(view->event)) {
		json_string(out, "failure");
		json_key(out, "errno");
		put_error(event_error(view->event), out);
		return;
	}
	json_string(out, view->result == VIEW_SUCCESS ? "success" : "unknown");
	json_key(out, "errno");
	json_null(out);
}

static void put_path_mount(enum view_mount mount, struct buffer *out)
{
	static const char *const words[] = {
		[VIEW_MOUNT_UNKNOWN] = NULL,
		[VIEW_MOUNT_EXACT] = "exact",
		[VIEW_MOUNT_ONLY] = "only",
		[VIEW_MOUNT_GUESSED] = "guessed",
	};

	json_key(out, "path_mount");
	json_string(out, words[mount]);
}

static void put_path(const struct fim_view *view, struct buffer *out)
{
	record_path(out, "path", "path_b64", view->path);
	if (view->actor_path.data)
		record_path(out, "actor_path", "actor_path_b64",
			    view->actor_path);
	json_key(out, "path_complete");
	json_bool(out, view->path_complete);
	put_path_mount(view->path_mount, out);
	json_key(out, "deleted");
	json_bool(out,
		  view->deleted || view->event->flags & FIM_EVENT_DELETED);
}

static void put_known_base64(const struct fim_view *view, struct buffer *out)
{
	bool valid = true;

	for (size_t i = 0; i < view->known_path_count; i++)
		valid = valid && utf8_valid(view->known_paths[i]);
	if (valid)
		return;
	json_key(out, "known_paths_b64");
	json_begin_array(out);
	for (size_t i = 0; i < view->known_path_count; i++)
		json_base64(out, view->known_paths[i]);
	json_end_array(out);
}

/* Written when they say more than `path`. */
static bool has_known_paths(const struct fim_view *view)
{
	return view->known_path_count > 1 ||
	       (view->known_path_count == 1 &&
		!bytes_equal(view->known_paths[0], view->path));
}

static void put_known_paths(const struct fim_view *view, struct buffer *out)
{
	if (has_known_paths(view)) {
		json_key(out, "known_paths");
		json_begin_array(out);
		for (size_t i = 0; i < view->known_path_count; i++)
			json_text(out, view->known_paths[i]);
		json_end_array(out);
		put_known_base64(view, out);
	}
	json_key(out, "names_known");
	json_unsigned(out, view->names_known);
}

const char *record_file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	default:
		return NULL;
	}
}

static void put_number(struct buffer *out, const char *key, uint64_t number)
{
	json_key(out, key);
	json_unsigned(out, number);
}

static void put_owner(struct buffer *out, const char *key, uint32_t id)
{
	json_key(out, key);
	if (id == FIM_UNSET)
		json_null(out);
	else
		json_unsigned(out, id);
}

static void put_id(uint64_t ino, uint32_t dev, struct buffer *out)
{
	json_key(out, "dev");
	json_dev(out, dev);
	json_key(out, "ino");
	json_number_text(out, ino);
}

static void put_file(const struct fim_file *file, const struct fim_id *id,
		     struct buffer *out)
{
	// There is none where one was not to be made.
	if (!file->mode) {
		json_null(out);
		return;
	}
	id = id ? id : &file->id;
	json_begin_object(out);
	put_id(id->ino, id->over ? id->over : id->dev, out);
	json_key(out, "type");
	json_string(out, record_file_type(file->mode));
	json_key(out, "mode");
	json_mode(out, file->mode);
	put_owner(out, "uid", file->uid);
	put_owner(out, "gid", file->gid);
	put_number(out, "size", file->size);
	put_number(out, "nlink", file->nlink);
	json_key(out, "mtime");
	json_time(out, file->mtime_sec, file->mtime_nsec);
	json_key(out, "ctime");
	json_time(out, file->ctime_sec, file->ctime_nsec);
	json_end_object(out);
}

static void put_rename(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;

	record_path(out, "old_path", "old_path_b64", view->old_path);
	json_key(out, "replaced");
	if (event->flags & FIM_EVENT_REPLACED)
		put_file(&event->other, NULL, out);
	else
		json_null(out);
	json_key(out, "exchange");
	json_bool(out, event->flags & FIM_EVENT_EXCHANGE);
}

static void put_link(const struct fim_view *view, struct buffer *out)
{
	record_path(out, "target_path", "target_path_b64", view->target_path);
	json_key(out, "created");
	json_bool(out, view->created);
}

static void put_target(const struct fim_event *event, struct buffer *out)
{
	struct bytes target = event_text(event, FIM_TEXT_TARGET);

	if (target.length)
		target.length = strnlen(target.data, target.length);
	record_path(out, "target", "target_b64", target);
}

/* Bytes are not counted yet: the hooks see that, not how much. */
static void put_close(const struct fim_view *view, struct buffer *out)
{
	put_number(out, "count", view->repeats ? view->repeats->changes : view->event->count);
	json_key(out, "bytes");
	json_null(out);
}

static void put_text(struct buffer *out, const char *key, struct bytes text)
{
	json_key(out, key);
	json_text(out, text);
}

static void put_mount(const struct mount *mount, struct buffer *out)
{
	static const struct mount unknown;

	mount = mount ? mount : &unknown;
	json_key(out, "mount");
	json_begin_object(out);
	put_text(out, "source", mount->source);
	put_text(out, "type", mount->type);
	put_text(out, "options", mount->options);
	json_end_object(out);
}

/* A block device opened, or a file that a loop device shows. */
static void put_open(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;

	json_key(out, "rdev");
	json_dev(out, S_ISBLK(event->file.mode) ? event->file.rdev : event->other.rdev);
	record_path(out, "holds", "holds_b64", view->holds);
}

static void put_device(const struct fim_file *file, struct buffer *out)
{
	if (!S_ISCHR(file->mode) && !S_ISBLK(file->mode))
		return;
	json_key(out, "rdev");
	json_dev(out, file->rdev);
}

static void put_details(const struct fim_view *view, struct buffer *out)
{
	switch (view->event->op) {
	case FIM_OP_RENAME:
		put_rename(view, out);
		break;
	case FIM_OP_LINK:
		put_link(view, out);
		break;
	case FIM_OP_SYMLINK:
		put_target(view->event, out);
		break;
	case FIM_OP_MKNOD:
		put_device(&view->event->file, out);
		break;
	case FIM_OP_OPEN:
		if (!event_error(view->event))
			put_open(view, out);
		break;
	case FIM_OP_CLOSE:
		put_close(view, out);
		break;
	case FIM_OP_MOUNT:
	case FIM_OP_UMOUNT:
		put_mount(view->mount, out);
		break;
	default:
		record_change_json(view->event, out);
	}
}

static void put_repeats(const struct view_repeats *repeats, struct buffer *out)
{
	put_number(out, "repeats", repeats->count);
	json_key(out, "first");
	json_time_ns(out, repeats->first_ns);
	json_key(out, "last");
	json_time_ns(out, repeats->last_ns);
}

static void put_kernel(const struct fim_event *event, struct buffer *out)
{
	json_key(out, "kernel");
	json_begin_object(out);
	put_id(event->file.id.ino, event->file.id.dev, out);
	put_number(out, "generation", event->file.generation);
	json_end_object(out);
	put_number(out, "mono_ns", event->time);
}

void fim_render_json(const struct fim_view *view,
		     const struct fim_stream *stream, struct buffer *out)
{
	const struct fim_event *event = view->event;

	json_begin_object(out);
	record_head(stream, "event", view->time_ns, out);
	put_operation(view, out);
	put_path(view, out);
	put_details(view, out);
	put_known_paths(view, out);
	if (view->repeats)
		put_repeats(view->repeats, out);
	json_key(out, "file");
	put_file(&event->file, view->stat_id, out);
	json_key(out, "late");
	json_bool(out, view->late);
	put_kernel(event, out);
	json_key(out, "process");
	process_last_json(view, stream, out);
	json_key(out, "matched");
	json_string(out, event->matched == FIM_MATCHED_INODE ? "inode"
							     : "parent");
	json_end_object(out);
}
