/* SPDX-License-Identifier: GPL-2.0-only */
#include "decode.h"

#include <errno.h>
#include <stdint.h>

#include "front.h"

static const char *const op_words[] = {
#define WORD(number, NAME, word) [number] = word,
	FIM_OPERATIONS(WORD)
#undef WORD
};

const char *event_op_word(unsigned op)
{
	return op < FIM_OPERATION_END ? op_words[op] : NULL;
}

unsigned event_error(const struct fim_event *event)
{
	return event->flags & FIM_EVENT_FAILED ? (unsigned)event->count : 0;
}

bool event_is_of_name(const struct fim_event *event)
{
	return event->op <= FIM_OP_RENAME;
}

static bool is_walk(unsigned slot)
{
	return slot <= FIM_TEXT_CWD;
}

static size_t count_nuls(const char *data, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += data[i] == '\0';
	return count;
}

static bool walk_is_sound(const struct fim_text *text, const char *data)
{
	if (text->length && data[text->length - 1] != '\0')
		return false;
	if (text->root > text->names && text->root != FIM_ROOT_NOT_MET)
		return false;
	return text->mounted <= 1 &&
	       count_nuls(data, text->length) == text->names;
}

static bool text_is_sound(const struct fim_event *event, unsigned slot)
{
	const struct fim_text *text = &event->text[slot];

	if (text->state > FIM_TEXT_UNREADABLE)
		return false;
	if (text->length == 0)
		return !is_walk(slot) || walk_is_sound(text, NULL);
	if (text->state == FIM_TEXT_ABSENT)
		return false;
	if (text->offset < sizeof(*event) ||
	    (uint32_t)text->offset + text->length > event->size)
		return false;
	return !is_walk(slot) ||
	       walk_is_sound(text, (const char *)event + text->offset);
}

/* What every version has in common: the first eight bytes. */
#define VERSIONED_HEAD 8
#define MOST_ERROR 4095 // MAX_ERRNO, include/linux/err.h

int fim_decode(const void *bytes, size_t length, const struct fim_event **ret)
{
	const struct fim_event *event = bytes;

	if (length < VERSIONED_HEAD)
		return -EINVAL;
	if (event->abi != FIM_EVENT_ABI)
		return -EPROTO;
	if (length < sizeof(*event) || event->size < sizeof(*event) ||
	    event->size > length)
		return -EINVAL;
	if (!event_op_word(event->op) || event->matched < FIM_MATCHED_INODE ||
	    event->matched > FIM_MATCHED_PARENT)
		return -EINVAL;
	if (event->flags & FIM_EVENT_FAILED && (!event->count || event->count > MOST_ERROR))
		return -EINVAL;
	for (unsigned slot = 0; slot < FIM_TEXT_END; slot++)
		if (!text_is_sound(event, slot))
			return -EINVAL;
	*ret = event;
	return 0;
}

struct bytes event_text(const struct fim_event *event, enum fim_text_slot slot)
{
	const struct fim_text *text = &event->text[slot];

	if (text->state == FIM_TEXT_ABSENT)
		return bytes_of(NULL, 0);
	if (text->length == 0)
		return bytes_of("", 0);
	return bytes_of((const char *)event + text->offset, text->length);
}

bool event_text_whole(const struct fim_event *event, enum fim_text_slot slot)
{
	return event->text[slot].state == FIM_TEXT_WHOLE;
}

struct bytes event_comm(const struct fim_event *event)
{
	return bytes_of(event->actor.comm,
			strnlen(event->actor.comm, FIM_COMM_SIZE));
}

struct bytes event_tty(const struct fim_event *event)
{
	return bytes_of(event->actor.tty,
			strnlen(event->actor.tty, FIM_TTY_SIZE));
}

bool text_next(struct bytes *rest, struct bytes *ret)
{
	const char *end;

	if (rest->length == 0)
		return false;
	end = memchr(rest->data, '\0', rest->length);
	ret->data = rest->data;
	ret->length = end ? (size_t)(end - rest->data) : rest->length;
	rest->data += ret->length + (end != NULL);
	rest->length -= ret->length + (end != NULL);
	return true;
}

struct bytes event_leaf(const struct fim_event *event, enum fim_text_slot slot)
{
	struct bytes rest = event_text(event, slot), leaf = {NULL, 0};

	text_next(&rest, &leaf);
	return leaf;
}

int event_path(const struct fim_event *event, enum fim_text_slot slot,
	       unsigned names, char *buffer, size_t size, struct bytes *ret)
{
	struct bytes rest = event_text(event, slot), name;
	bool whole = event_text_whole(event, slot);
	struct front front;

	if (!rest.data || (rest.length == 0 && !whole))
		return -ENOENT;
	front_init(&front, buffer, size);
	for (unsigned i = 0; i < names && text_next(&rest, &name); i++) {
		if (i)
			front_put(&front, bytes_of("/", 1));
		front_put(&front, name);
	}
	if (whole && rest.length == 0)
		front_put(&front, bytes_of("/", 1));
	return front_text(&front, ret);
}
