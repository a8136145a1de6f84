/* SPDX-License-Identifier: GPL-2.0-only */
#include "arguments.h"
#include "process.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

#include "decode.h"
#include "json.h"
#include "siphash.h"
#include "utf8.h"

void record_path(struct buffer *out, const char *key, const char *key_b64,
		 struct bytes path)
{
	json_key(out, key);
	json_text(out, path);
	if (utf8_valid(path))
		return;
	json_key(out, key_b64);
	json_base64(out, path);
}

/* Not a secret: the keys only make two halves out of one hash. */
void fim_entity_id(const char *boot_id, const struct fim_actor *actor,
		   char ret[ENTITY_ID_SIZE])
{
	static const char keys[2][17] = {"fim entity high.", "fim entity low.."};
	uint64_t identity[2] = {htole64(actor->pid), htole64(actor->start)};
	char data[64 + sizeof(identity)];
	size_t length = boot_id ? strnlen(boot_id, 64) : 0;

	memcpy(data, identity, sizeof(identity));
	if (length)
		memcpy(data + sizeof(identity), boot_id, length);
	length += sizeof(identity);
	snprintf(ret, ENTITY_ID_SIZE, "%016" PRIx64 "%016" PRIx64,
		 siphash(keys[0], data, length),
		 siphash(keys[1], data, length));
}

static bool is_hex(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

#define CONTAINER_ID_LENGTH 64

struct bytes fim_container_id(struct bytes cgroup)
{
	size_t run = 0;

	for (size_t i = 0; i <= cgroup.length; i++) {
		if (i < cgroup.length && is_hex(cgroup.data[i])) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID_LENGTH)
			return bytes_of(cgroup.data + i - run, run);
		run = 0;
	}
	return bytes_of(NULL, 0);
}

struct bytes process_path(const struct fim_view *view, struct bytes known,
			  enum fim_text_slot slot, char *buffer, size_t size)
{
	struct bytes path = {NULL, 0};

	if (known.data)
		return known;
	event_path(view->event, slot, EVENT_ALL_NAMES, buffer, size, &path);
	return path;
}

static void put_path(struct buffer *out, const char *key, const char *key_b64,
		     const struct fim_view *view, struct bytes known,
		     enum fim_text_slot slot)
{
	char buffer[EVENT_PATH_SIZE];

	record_path(out, key, key_b64,
		    process_path(view, known, slot, buffer, sizeof(buffer)));
}

static void put_id(struct buffer *out, const char *key, uint32_t id)
{
	json_key(out, key);
	if (id == FIM_UNSET)
		json_null(out);
	else
		json_unsigned(out, id);
}

/* A number that 0 stands for "unknown" in. */
static void put_known(struct buffer *out, const char *key, uint64_t number)
{
	json_key(out, key);
	if (number)
		json_number_text(out, number);
	else
		json_null(out);
}

static void put_birth(const struct fim_actor *actor,
		      const struct fim_stream *stream, struct buffer *out)
{
	char entity_id[ENTITY_ID_SIZE];

	json_key(out, "start");
	if (actor->start)
		json_time_ns(out,
			     record_wall_ns(actor->start, stream->boot_ns));
	else
		json_null(out);
	json_key(out, "entity_id");
	fim_entity_id(stream->boot_id, actor, entity_id);
	json_string(out, actor->start ? entity_id : NULL);
}

static void put_parent(const struct fim_view *view, struct buffer *out)
{
	uint32_t ppid = view->event->actor.ppid;

	json_key(out, "ppid");
	json_unsigned(out, ppid);
	json_key(out, "parent");
	if (!ppid) {
		json_null(out);
		return;
	}
	json_begin_object(out);
	json_key(out, "pid");
	json_unsigned(out, ppid);
	put_path(out, "exe", "exe_b64", view, view->parent_exe,
		 FIM_TEXT_PARENT_EXE);
	json_end_object(out);
}

static void put_user(const struct fim_view *view, struct buffer *out)
{
	const struct fim_actor *actor = &view->event->actor;

	put_id(out, "uid", actor->uid);
	put_id(out, "euid", actor->euid);
	put_id(out, "gid", actor->gid);
	put_id(out, "auid", actor->auid);
	json_key(out, "user");
	json_string(out, view->user);
	json_key(out, "login_user");
	json_string(out, view->login_user);
	put_id(out, "ses", actor->ses);
}

static void put_exe(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;

	put_path(out, "exe", "exe_b64", view, view->exe, FIM_TEXT_EXE);
	put_known(out, "exe_ino", event->actor.exe_ino);
	json_key(out, "exe_deleted");
	if (event->actor.exe_ino)
		json_bool(out, event->flags & FIM_EVENT_EXE_DELETED);
	else
		json_null(out);
}

static void put_args(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;
	bool whole = event_text_whole(event, FIM_TEXT_ARGS) &&
		     !(event->flags & FIM_EVENT_ARGS_CUT);
	struct arguments arguments;
	struct bytes argument;

	arguments_init(&arguments, event_text(event, FIM_TEXT_ARGS), view->arguments);
	json_key(out, "args");
	if (!arguments.rest.data || (!whole && !arguments.rest.length)) {
		json_null(out);
	} else {
		json_begin_array(out);
		while (arguments_next(&arguments, &argument))
			json_text(out, argument);
		json_end_array(out);
	}
	json_key(out, "args_cut");
	json_bool(out, event_text(event, FIM_TEXT_ARGS).data && !whole);
}

static void put_place(const struct fim_view *view, struct buffer *out)
{
	const struct fim_event *event = view->event;
	struct bytes tty = event_tty(event), none = {NULL, 0};

	put_path(out, "cwd", "cwd_b64", view, view->cwd, FIM_TEXT_CWD);
	json_key(out, "tty");
	json_text(out, tty.length ? tty : none);
	put_known(out, "mnt_ns", event->actor.mnt_ns);
	put_path(out, "cgroup", "cgroup_b64", view, none, FIM_TEXT_CGROUP);
	json_key(out, "container");
	json_text(out, fim_container_id(event_text(event, FIM_TEXT_CGROUP)));
}

void process_render_json(const struct fim_view *view,
			 const struct fim_stream *stream, struct buffer *out)
{
	const struct fim_actor *actor = &view->event->actor;

	json_begin_object(out);
	json_key(out, "pid");
	json_unsigned(out, actor->pid);
	json_key(out, "tid");
	json_unsigned(out, actor->tid);
	put_birth(actor, stream, out);
	put_parent(view, out);
	put_user(view, out);
	json_key(out, "comm");
	json_text(out, event_comm(view->event));
	put_exe(view, out);
	put_args(view, out);
	put_place(view, out);
	json_end_object(out);
}
