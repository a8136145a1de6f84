/* SPDX-License-Identifier: GPL-2.0-only
 *
 * process_text.c - who did it, for a terminal:
 *
 *	by USER (login USER)  PROGRAM[PID] < PARENT in CONTAINER  $ ARGUMENTS
 */
#include "arguments.h"
#include "process.h"
#include "terminal.h"

static void put_name(const char *name, uint32_t id, struct buffer *out)
{
	if (name)
		terminal_text(bytes_of_string(name), out);
	else if (id == FIM_UNSET)
		buffer_add_byte(out, '?');
	else
		buffer_format(out, "%u", id);
}

static void put_user(const struct fim_view *view, struct buffer *out)
{
	const struct fim_actor *actor = &view->event->actor;

	buffer_add_string(out, "by ");
	put_name(view->user, actor->uid, out);
	if (actor->euid != actor->uid)
		buffer_format(out, " (euid %u)", actor->euid);
	if (actor->auid == FIM_UNSET || actor->auid == actor->uid)
		return;
	buffer_add_string(out, " (login ");
	put_name(view->login_user, actor->auid, out);
	buffer_add_byte(out, ')');
}

static struct bytes last_name(struct bytes path)
{
	size_t start = path.length;

	while (start && path.data[start - 1] != '/')
		start--;
	return bytes_of(path.data + start, path.length - start);
}

/* Whether `comm` tells no more than the executable's name (of which the kernel
 * keeps 15 bytes). */
static bool is_named_after(struct bytes comm, struct bytes exe)
{
	struct bytes name = last_name(exe);

	if (name.length > FIM_COMM_SIZE - 1)
		name.length = FIM_COMM_SIZE - 1;
	return bytes_equal(comm, name);
}

/* "/usr/bin/vim[12]", or "yum[12] /usr/bin/python" where the two differ. */
static void put_program(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;
	struct bytes comm = event_comm(event);
	char buffer[EVENT_PATH_SIZE];
	struct bytes exe = process_path(view, view->exe, FIM_TEXT_EXE, buffer,
					sizeof(buffer));
	bool same = exe.data && is_named_after(comm, exe);

	terminal_text(same ? exe : comm, out);
	buffer_format(out, "[%u]", event->actor.pid);
	if (exe.data && !same) {
		buffer_add_byte(out, ' ');
		terminal_text(exe, out);
	}
	if (event->flags & FIM_EVENT_EXE_DELETED)
		buffer_add_string(out, " (deleted)");
}

static void put_parent(const struct fim_view *view, struct buffer *out)
{
	char buffer[EVENT_PATH_SIZE];
	struct bytes exe = process_path(view, view->parent_exe,
					FIM_TEXT_PARENT_EXE, buffer,
					sizeof(buffer));

	if (!exe.data)
		return;
	buffer_add_string(out, " < ");
	terminal_text(exe, out);
}

static void put_container(const struct fim_event *event, struct buffer *out)
{
	struct bytes id =
		fim_container_id(event_text(event, FIM_TEXT_CGROUP));

	if (!id.data)
		return;
	buffer_add_string(out, " in ");
	buffer_add(out, id.data, 12); /* as docker ps shows it */
}

#define ARGS_COLUMNS 60

static void put_args(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;
	struct arguments arguments;
	struct bytes argument;
	size_t start = out->length, used = 0;
	bool cut = event->flags & FIM_EVENT_ARGS_CUT ||
		   !event_text_whole(event, FIM_TEXT_ARGS);

	arguments_init(&arguments, event_text(event, FIM_TEXT_ARGS), view->arguments);
	if (arguments.rest.length == 0)
		return;
	buffer_add_string(out, "  $");
	while (used < ARGS_COLUMNS && arguments_next(&arguments, &argument)) {
		buffer_add_byte(out, ' ');
		cut |= !terminal_cut(argument, ARGS_COLUMNS - used, out);
		used = out->length - start;
	}
	if (cut || arguments.rest.length)
		buffer_add_string(out, " ...");
}

void process_render_text(const struct fim_view *view, struct buffer *out)
{
	put_user(view, out);
	buffer_add(out, "  ", 2);
	put_program(view, out);
	put_parent(view, out);
	put_container(view->event, out);
	put_args(view, out);
}
