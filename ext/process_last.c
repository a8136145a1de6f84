/* SPDX-License-Identifier: GPL-2.0-only */
#include "process_last.h"

#include "decode.h"
#include "json.h"
#include "process.h"

#define FLAGS (FIM_EVENT_EXE_DELETED | FIM_EVENT_ARGS_CUT)

void process_last_deinit(struct process_last *last)
{
	buffer_deinit(&last->from);
	buffer_deinit(&last->now);
	buffer_deinit(&last->json);
}

static void add_bytes(struct buffer *out, struct bytes text)
{
	const uint64_t length = text.data ? text.length : UINT64_MAX;

	buffer_add(out, &length, sizeof(length));
	if (text.data)
		buffer_add(out, text.data, text.length);
}

static void add_text(struct buffer *out, const struct fim_event *event, enum fim_text_slot slot)
{
	buffer_add_byte(out, (char)event->text[slot].state);
	add_bytes(out, event_text(event, slot));
}

static void depends_on(const struct fim_view *view, const struct fim_stream *stream,
		       struct buffer *ret)
{
	static const enum fim_text_slot slots[] = {
		FIM_TEXT_EXE, FIM_TEXT_PARENT_EXE, FIM_TEXT_CWD, FIM_TEXT_ARGS, FIM_TEXT_CGROUP,
	};
	const struct fim_event *event = view->event;
	const uint32_t flags = event->flags & FLAGS;

	buffer_reset(ret);
	buffer_add(ret, &event->actor, sizeof(event->actor));
	buffer_add(ret, &flags, sizeof(flags));
	buffer_add(ret, &stream->boot_ns, sizeof(stream->boot_ns));
	buffer_add(ret, &view->arguments, sizeof(view->arguments));
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		add_text(ret, event, slots[i]);
	add_bytes(ret, view->exe);
	add_bytes(ret, view->parent_exe);
	add_bytes(ret, view->cwd);
	add_bytes(ret, bytes_of_string(view->user));
	add_bytes(ret, bytes_of_string(view->login_user));
}

static void render(const struct fim_view *view, const struct fim_stream *stream,
		   struct process_last *last)
{
	struct buffer from = last->from;

	buffer_reset(&last->json);
	process_render_json(view, stream, &last->json);
	last->from = last->now;
	last->now = from;
	if (last->json.error) // not to be taken for it
		buffer_reset(&last->from);
}

void process_last_json(const struct fim_view *view, const struct fim_stream *stream,
		       struct buffer *out)
{
	struct process_last *last = stream->last;

	if (!last) {
		process_render_json(view, stream, out);
		return;
	}
	depends_on(view, stream, &last->now);
	if (last->now.error || !bytes_equal(buffer_bytes(&last->now), buffer_bytes(&last->from)))
		render(view, stream, last);
	if (last->json.error)
		out->error = last->json.error;
	else
		json_raw(out, buffer_bytes(&last->json));
}
