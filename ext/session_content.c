// SPDX-License-Identifier: GPL-2.0-only
//
// session_content.c - after which records a file's content is worth a look: for
// whoever reads it, in a queue that has a bound.
#include <sys/stat.h>

#include "decode.h"
#include "session_parts.h"

static bool may_be_another(const struct fim_event *event)
{
	switch (event->op) {
	case FIM_OP_CLOSE:
	case FIM_OP_LINK:
	case FIM_OP_TRUNCATE:
		return true;
	case FIM_OP_RENAME:
		return event->flags & FIM_EVENT_REPLACED;
	default:
		return false;
	}
}

bool content_is_wanted(const struct session *session, const struct fim_view *view)
{
	return session->wants_contents && may_be_another(view->event) &&
	       S_ISREG(view->event->file.mode) && view->path.data && view->path_complete &&
	       view->event->file.nlink;
}

static struct content_inode inode_of(const struct fim_file *file)
{
	return (struct content_inode){file->id.ino, file->id.dev, file->generation};
}

struct content_inodes content_inodes(const struct fim_event *event)
{
	struct content_inodes inodes = {.now = inode_of(&event->file)};

	if (event->op != FIM_OP_LINK)
		inodes.before = inode_of(event->op == FIM_OP_RENAME ? &event->other : &event->file);
	return inodes;
}

void content_add(struct session *session, const struct content_inodes *inodes, struct bytes path)
{
	struct buffer *out = &session->contents;
	uint64_t seq = session->stream.seq;

	if (out->length > SESSION_CONTENTS) {
		session->counts[SESSION_UNREAD_CONTENTS]++;
		return;
	}
	buffer_add(out, &seq, sizeof(seq));
	buffer_add(out, inodes, sizeof(*inodes));
	buffer_add(out, path.data, path.length);
	buffer_add_byte(out, '\0');
}
