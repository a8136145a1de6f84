// SPDX-License-Identifier: GPL-2.0-only
//
// session_emit.c - records become lines in session->out.
#include <errno.h>

#include "json.h"
#include "notice.h"
#include "session_parts.h"

int session_emit(struct session *session, const char *kind, struct bytes members,
		 struct bytes message)
{
	int64_t now = record_wall_ns(tap_now(), session->wall_offset);

	session->stream.seq++;
	if (session->text_format)
		notice_text(kind, now, session->utc, message, &session->out);
	else
		notice_json(&session->stream, kind, now, members, &session->out);
	buffer_add_byte(&session->out, '\n');
	return session->out.error;
}

static void emit_gap(struct session *session, const struct tap_gap *gap)
{
	struct buffer members = {0}, message = {0};

	notice_gap(gap, session->wall_offset, &members);
	buffer_format(&message, "%llu records lost on cpu %u: %s",
		      (unsigned long long)(gap->last - gap->first + 1), gap->cpu, gap->reason);
	session_emit(session, "gap", buffer_bytes(&members), buffer_bytes(&message));
	reconcile_gap(session, session->stream.seq, gap->since);
	buffer_deinit(&members);
	buffer_deinit(&message);
}

void emit_unheard(struct session *session, uint64_t since, uint64_t until, const char *reason)
{
	struct buffer message = {0};
	static const char *const unknown[] = {"cpu", "lost", "first", "last"};
	struct buffer *out = &session->line;

	buffer_reset(out);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		json_key(out, unknown[i]);
		json_null(out);
	}
	json_key(out, "since");
	json_time_ns(out, record_wall_ns(since, session->wall_offset));
	json_key(out, "until");
	json_time_ns(out, record_wall_ns(until, session->wall_offset));
	json_key(out, "reason");
	json_string(out, reason);
	buffer_format(&message, "records lost: %s", reason);
	session_emit(session, "gap", buffer_bytes(out), buffer_bytes(&message));
	session->counts[SESSION_GAPS]++;
	reconcile_gap(session, session->stream.seq, since);
	buffer_deinit(&message);
}

void session_on_gap(void *context, const struct tap_gap *gap)
{
	struct session *session = context;

	session->counts[SESSION_GAPS]++;
	session->counts[SESSION_LOST] += gap->last - gap->first + 1;
	emit_gap(session, gap);
}

static void emit_with_path(struct session *session, const char *kind,
			   const struct buffer *members, struct bytes path, const char *why)
{
	struct buffer message = {0};

	if (path.data) {
		buffer_add(&message, path.data, path.length);
		buffer_add_string(&message, ": ");
	}
	buffer_add_string(&message, why);
	session_emit(session, kind, buffer_bytes(members), buffer_bytes(&message));
	buffer_deinit(&message);
}

void emit_found(struct session *session, struct bytes path, const struct fim_id *id, mode_t mode,
		const char *reason)
{
	const struct traits *known = inode_table_traits(&session->inodes, id);
	struct traits_of of = {*id, {.mode = mode}};
	struct buffer members = {0};

	if (known)
		of.traits = *known;
	notice_found(path, &of, known != NULL, reason, &members);
	emit_with_path(session, "found", &members, path, reason);
	buffer_deinit(&members);
}

void emit_error(struct session *session, struct bytes where, const char *message)
{
	struct buffer members = {0};

	record_path(&members, "where", "where_b64", where);
	json_key(&members, "message");
	json_string(&members, message);
	emit_with_path(session, "error", &members, where, message);
	buffer_deinit(&members);
}

void emit_withheld(struct session *session, const char *reason, struct bytes path,
		   uint64_t count, uint64_t since)
{
	struct buffer members = {0};

	json_key(&members, "reason");
	json_string(&members, reason);
	if (path.data)
		record_path(&members, "path", "path_b64", path);
	json_key(&members, "count");
	json_unsigned(&members, count);
	json_key(&members, "since");
	json_time_ns(&members, record_wall_ns(since, session->wall_offset));
	json_key(&members, "until");
	json_time_ns(&members, record_wall_ns(tap_now(), session->wall_offset));
	emit_with_path(session, "withheld", &members, path, reason);
	buffer_deinit(&members);
}

int session_limit(struct session *session, bool join, unsigned rate)
{
	repeats_free(session->repeats);
	rates_free(session->rates);
	session->repeats = join ? repeats_new() : NULL;
	session->rates = rate ? rates_new(rate) : NULL;
	return (join && !session->repeats) || (rate && !session->rates) ? -ENOMEM : 0;
}

void emit_event(struct session *session, struct fim_view *view)
{
	session->counts[SESSION_LATE] += view->late;
	if (repeats_hold(session, view) || rates_hold(session, view->event))
		return;
	session->stream.seq++;
	if (session->text_format)
		fim_render_text(view, session->utc, &session->out);
	else
		fim_render_json(view, &session->stream, &session->out);
	buffer_add_byte(&session->out, '\n');
	session->counts[SESSION_EVENTS]++;
	if (content_is_wanted(session, view)) {
		struct content_inodes inodes = content_inodes(view->event);

		content_add(session, &inodes, view->path);
	}
}
