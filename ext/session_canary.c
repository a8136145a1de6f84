// SPDX-License-Identifier: GPL-2.0-only
//
// session_canary.c - the monitor's own acts: watched and heard, never told.
//
// Their records are kept as JSON lines, with nothing looked up, for the one who
// compares them with what was done; the stream and its numbers know nothing of them.
#include <fcntl.h>

#include "decode.h"
#include "session.h"
#include "visit.h"

#define CANARY_ROOM (1u << 20) /* a song is some twenty lines of a kilobyte or two */

int session_watch_canary(struct session *session, const char *path)
{
	struct scan scan;
	struct fim_id id;
	mode_t mode;
	int error;

	visit_prepare(session, NULL, &scan);
	error = scan_identify(&scan, AT_FDCWD, path, 0, &id, &mode);
	if (error < 0)
		return error;
	error = scan_insert(&scan, &id, FIM_WATCH_INHERIT | FIM_WATCH_CANARY);
	id = (struct fim_id){.dev = FIM_DEVICE}; // device 0:0, which nobody has
	if (error >= 0)
		error = scan_insert(&scan, &id, FIM_WATCH_CANARY);
	return error < 0 ? error : 0;
}

static struct bytes path_of(const struct fim_event *event, enum fim_text_slot slot, char *room)
{
	struct bytes path = {NULL, 0};

	event_path(event, slot, EVENT_ALL_NAMES, room, EVENT_PATH_SIZE, &path);
	return path;
}

void canary_heard(struct session *session, const struct fim_event *event)
{
	struct fim_view view = {
		.event = event,
		.path = path_of(event, FIM_TEXT_PATH, session->text[1]),
	};
	struct bytes second = path_of(event, FIM_TEXT_PATH2, session->text[2]);

	if (session->heard.length > CANARY_ROOM)
		return; // nobody asks
	if (event->op == FIM_OP_RENAME) {
		view.old_path = view.path;
		view.path = second;
	} else if (event->op == FIM_OP_LINK) {
		view.target_path = second;
	}
	fim_render_json(&view, &session->stream, &session->heard);
	buffer_add_byte(&session->heard, '\n');
}
