// SPDX-License-Identifier: GPL-2.0-only
//
// roots.c - what was asked for, by the paths it has by now.
#include "decode.h"
#include "session.h"

static void add(struct buffer *out, struct bytes path)
{
	buffer_add(out, path.data, path.length);
	buffer_add_byte(out, '\0');
}

static void add_trees(struct session *session, struct buffer *ret)
{
	struct inode_cursor cursor = {0};
	struct bytes path;
	struct fim_id id;
	uint32_t flags;

	while (inode_table_next(&session->inodes, &cursor, &id, &flags))
		if (flags & INODE_ROOT && !(flags & INODE_NAMES_ONLY) &&
		    inode_table_path(&session->inodes, &id, session->text[4], EVENT_PATH_SIZE,
				     &path) == 0)
			add(ret, path);
}

int session_roots(struct session *session, struct buffer *ret)
{
	const struct session_wanted *w = session->wanted;
	struct bytes path;

	add_trees(session, ret);
	for (; w; w = w->next)
		if (inode_table_path_in(&session->inodes, &w->dir, bytes_of(w->name, w->length),
					session->text[4], EVENT_PATH_SIZE, &path) == 0)
			add(ret, path);
	return ret->error;
}
