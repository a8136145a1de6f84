// SPDX-License-Identifier: GPL-2.0-only
#include "repeat.h"

#include <stdlib.h>
#include <string.h>

#include "session_parts.h"

/* Of a line that waits: its number comes behind this when it is told. */
#define HEAD "{\"v\":1,\"kind\":\"event\",\"seq\":"
#define HEAD_LENGTH (sizeof(HEAD) - 1)

struct slot {
	struct fim_id id;
	uint64_t start; /* of the process */
	uint32_t pid;
	uint32_t op;
	uint64_t begun; /* 0: free */
	struct view_repeats of;
	struct buffer line;    /* what waits, with number 0 */
	struct buffer content; /* path to read when it is told */
	struct content_inodes inodes;
};

struct repeats {
	struct slot slot[REPEAT_SLOTS];
	unsigned waiting;
};

struct repeats *repeats_new(void)
{
	return calloc(1, sizeof(struct repeats));
}

void repeats_free(struct repeats *repeats)
{
	for (unsigned i = 0; repeats && i < REPEAT_SLOTS; i++) {
		buffer_deinit(&repeats->slot[i].line);
		buffer_deinit(&repeats->slot[i].content);
	}
	free(repeats);
}

static bool says_the_same(const struct fim_event *event)
{
	return event->op == FIM_OP_MODIFY || event->op == FIM_OP_CLOSE;
}

// Those of one inode are neighbours.
static struct slot *first_of(struct repeats *repeats, const struct fim_id *id)
{
	uint64_t hash = (id->ino ^ (uint64_t)id->dev << 32) * 0x9e3779b97f4a7c15ull;

	return &repeats->slot[(hash >> 32) % (REPEAT_SLOTS / 4) * 4];
}

static void tell(struct session *session, struct slot *slot)
{
	struct buffer *out = &session->out;
	char *rest = slot->line.data + HEAD_LENGTH + 1;

	session->repeats->waiting--;
	session->stream.seq++;
	buffer_add_string(out, HEAD);
	buffer_add_number(out, session->stream.seq, 10, 1);
	buffer_add(out, rest, slot->line.length - HEAD_LENGTH - 1);
	buffer_add_byte(out, '\n');
	session->counts[SESSION_EVENTS]++;
	if (slot->content.length)
		content_add(session, &slot->inodes, buffer_bytes(&slot->content));
	slot->of.count = 0;
}

static void hold(struct session *session, struct slot *slot, struct fim_view *view)
{
	struct fim_stream stream = session->stream;

	if (!slot->of.count++) {
		session->repeats->waiting++;
		slot->of.first_ns = view->time_ns;
		slot->of.changes = 0;
	}
	slot->of.changes += view->event->count;
	slot->of.last_ns = view->time_ns;
	stream.seq = 0;
	view->repeats = &slot->of;
	buffer_reset(&slot->line);
	fim_render_json(view, &stream, &slot->line);
	buffer_reset(&slot->content);
	slot->inodes = content_inodes(view->event);
	if (content_is_wanted(session, view))
		buffer_add(&slot->content, view->path.data, view->path.length);
	session->counts[SESSION_JOINED]++;
}

static void begin(struct slot *slot, const struct fim_event *event)
{
	slot->id = event->file.id;
	slot->pid = event->actor.pid;
	slot->start = event->actor.start;
	slot->op = event->op;
	slot->begun = event->time;
}

static bool is_of(const struct slot *slot, const struct fim_event *event)
{
	return slot->begun && slot->op == event->op && slot->pid == event->actor.pid &&
	       slot->start == event->actor.start && same_id(&slot->id, &event->file.id);
}

// The one for this actor on this inode, or the one that has lived longest.
static struct slot *slot_for(struct slot *four, const struct fim_event *event)
{
	struct slot *oldest = four;

	for (struct slot *slot = four; slot < four + 4; slot++) {
		if (is_of(slot, event))
			return slot;
		if (slot->begun < oldest->begun)
			oldest = slot;
	}
	return oldest;
}

// What is done to an inode is told in its order.
static void tell_before(struct session *session, struct slot *four, const struct fim_event *event)
{
	for (struct slot *slot = four; slot < four + 4; slot++)
		if (slot->of.count && !is_of(slot, event) && same_id(&slot->id, &event->file.id))
			tell(session, slot);
}

bool repeats_hold(struct session *session, struct fim_view *view)
{
	const struct fim_event *event = view->event;
	struct slot *four, *slot;

	if (!session->repeats || session->text_format)
		return false;
	four = first_of(session->repeats, &event->file.id);
	if (!says_the_same(event)) {
		tell_before(session, four, event);
		return false;
	}
	slot = slot_for(four, event);
	if (is_of(slot, event) && event->time - slot->begun < REPEAT_NS) {
		hold(session, slot, view);
		return true;
	}
	if (slot->of.count)
		tell(session, slot);
	begin(slot, event);
	return false;
}

void repeats_tell(struct session *session, uint64_t until, bool final)
{
	struct repeats *repeats = session->repeats;

	for (unsigned i = 0; repeats && repeats->waiting && i < REPEAT_SLOTS; i++)
		if (repeats->slot[i].of.count &&
		    (final || until >= repeats->slot[i].begun + REPEAT_NS))
			tell(session, &repeats->slot[i]);
}
