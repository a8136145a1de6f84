/* SPDX-License-Identifier: GPL-2.0-only */
#include "trivial_view.h"

#include "decode.h"
#include "process_last.h"
#include "record.h"

enum arguments_shown trivial_arguments;
static struct process_last last;
static const struct fim_stream stream = {
	.last = &last,
	.seq = 1,
	.stream = "0123456789abcdef",
	.boot_id = "5b4a3e54-7a0b-4c6e-9a5f-0c9c6f7d8e9a",
	.boot_ns = 1700000000000000000,
};

static struct bytes path_of(const struct fim_event *event,
			    enum fim_text_slot slot, char *buffer)
{
	struct bytes path = {NULL, 0};

	event_path(event, slot, EVENT_ALL_NAMES, buffer, EVENT_PATH_SIZE,
		   &path);
	return path;
}

int render_raw(const void *data, size_t length, struct buffer *json,
	       struct buffer *text)
{
	static char first[EVENT_PATH_SIZE], second[EVENT_PATH_SIZE];
	struct bytes known[2];
	struct fim_view view = {.known_paths = known, .arguments = trivial_arguments};
	struct bytes other;
	int r = fim_decode(data, length, &view.event);

	if (r < 0)
		return r;
	view.path = path_of(view.event, FIM_TEXT_PATH, first);
	other = path_of(view.event, FIM_TEXT_PATH2, second);
	view.time_ns = record_wall_ns(view.event->time, stream.boot_ns);
	view.path_complete = event_text_whole(view.event, FIM_TEXT_PATH);
	view.path_mount = view.event->seq % 4;
	known[0] = view.path;
	known[1] = other;
	view.known_path_count = view.path.data && other.data ? 2 : 0;
	view.names_known = (uint32_t)view.known_path_count;
	if (view.event->op == FIM_OP_LINK)
		view.target_path = other;
	if (view.event->op == FIM_OP_RENAME) {
		view.old_path = view.path;
		view.path = other;
	}
	fim_render_json(&view, &stream, json);
	fim_render_text(&view, true, text);
	return 0;
}
