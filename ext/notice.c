// SPDX-License-Identifier: GPL-2.0-only
#include "notice.h"

#include "json.h"
#include "terminal.h"

#define KIND_COLUMNS 11

void notice_begin(const struct fim_stream *stream, const char *kind, int64_t time_ns,
		  struct buffer *out)
{
	json_begin_object(out);
	record_head(stream, kind, time_ns, out);
}

void notice_json(const struct fim_stream *stream, const char *kind, int64_t time_ns,
		 struct bytes members, struct buffer *out)
{
	notice_begin(stream, kind, time_ns, out);
	if (members.length) {
		buffer_add_string(out, ", ");
		buffer_add(out, members.data, members.length);
	}
	json_end_object(out);
}

void notice_text(const char *kind, int64_t time_ns, bool utc, struct bytes message,
		 struct buffer *out)
{
	size_t start;

	record_when(time_ns, utc, out);
	buffer_add(out, "  ", 2);
	start = out->length;
	buffer_add_string(out, kind);
	terminal_pad(out, start, KIND_COLUMNS);
	terminal_escape(message, out);
}

static void put_time(struct buffer *out, const char *key, uint64_t clock, int64_t offset)
{
	json_key(out, key);
	json_time_ns(out, record_wall_ns(clock, offset));
}

void notice_gap(const struct tap_gap *gap, int64_t offset, struct buffer *out)
{
	json_key(out, "cpu");
	json_unsigned(out, gap->cpu);
	json_key(out, "lost");
	json_unsigned(out, gap->last - gap->first + 1);
	json_key(out, "first");
	json_unsigned(out, gap->first);
	json_key(out, "last");
	json_unsigned(out, gap->last);
	json_key(out, "since");
	gap->since ? json_time_ns(out, record_wall_ns(gap->since, offset)) : json_null(out);
	put_time(out, "until", gap->until, offset);
	json_key(out, "reason");
	json_string(out, gap->reason);
}

static void put_kind(const struct traits_of *of, struct buffer *out)
{
	json_begin_object(out);
	json_key(out, "dev");
	json_dev(out, of->id.over ? of->id.over : of->id.dev);
	json_key(out, "ino");
	json_number_text(out, of->id.ino);
	json_key(out, "type");
	json_string(out, record_file_type(of->traits.mode));
	json_key(out, "mode");
	json_mode(out, of->traits.mode);
	json_end_object(out);
}

void notice_found(struct bytes path, const struct traits_of *of, bool whole, const char *reason,
		  struct buffer *out)
{
	record_path(out, "path", "path_b64", path);
	json_key(out, "file");
	whole ? traits_file_json(of, out) : put_kind(of, out);
	json_key(out, "reason");
	json_string(out, reason);
}
