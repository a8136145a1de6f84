// SPDX-License-Identifier: GPL-2.0-only
//
// roots.c - what was asked for, by the paths it has by now.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "session_parts.h"

static struct session_root *root_of(struct bytes path)
{
	struct session_root *root = malloc(sizeof(*root) + path.length + 1);

	if (!root)
		return NULL;
	root->moved = false;
	memcpy(root->text, path.data, path.length);
	root->text[path.length] = '\0';
	root->path = bytes_of(root->text, path.length);
	return root;
}

bool roots_asked(const struct session *session, struct bytes path)
{
	const struct session_root *root = session->roots;

	while (path.data && root && (root->moved || !bytes_equal(root->path, path)))
		root = root->next;
	return path.data && root;
}

int roots_add(struct session *session, struct bytes path)
{
	struct session_root *root;

	if (roots_asked(session, path))
		return 0;
	root = root_of(path);
	if (!root)
		return -ENOMEM;
	root->next = session->roots;
	session->roots = root;
	return 0;
}

int roots_renamed(struct session *session, struct bytes from, struct bytes to)
{
	struct session_root **at = &session->roots, *old, *new;
	struct buffer path = {0};

	for (; (old = *at); at = &(*at)->next) {
		if (!path_is_below(old->path, from))
			continue;
		buffer_reset(&path);
		buffer_add(&path, to.data, to.length);
		buffer_add(&path, old->path.data + from.length, old->path.length - from.length);
		new = path.error ? NULL : root_of(buffer_bytes(&path));
		if (!new)
			break;
		new->moved = true;
		new->next = old->next;
		*at = new;
		free(old);
	}
	buffer_deinit(&path);
	return old ? -ENOMEM : 0;
}

bool roots_touch(const struct session *session, struct bytes path)
{
	const struct session_root *root = session->roots;

	for (; path.data && root; root = root->next)
		if (path_is_below(path, root->path) || path_is_below(root->path, path))
			return true;
	return false;
}

void roots_deinit(struct session *session)
{
	while (session->roots) {
		struct session_root *next = session->roots->next;

		free(session->roots);
		session->roots = next;
	}
}

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
		if (flags & INODE_ROOT && !(flags & (INODE_NAMES_ONLY | INODE_MOUNTED)) &&
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
