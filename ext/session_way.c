// SPDX-License-Identifier: GPL-2.0-only
//
// session_way.c - the ways by which inodes are reached: overlays and subvolumes.
//
// The kernel's key of a file is not all of its identity. On overlayfs it is the
// real inode's, and the merged tree and the layer are two ways to one file. On
// btrfs a snapshot has files with the same device, number and generation: two
// files. The inode table has an entry for each way (fim_id.over).
#include <stdlib.h>

#include "session_parts.h"

int way_seen(struct session *session, uint32_t over, bool subvolume)
{
	struct session_way *ways;

	for (size_t i = 0; i < session->way_count; i++)
		if (session->ways[i].over == over)
			return 0;
	ways = realloc(session->ways, (session->way_count + 2) * sizeof(*ways));
	if (!ways)
		return -1;
	session->ways = ways;
	if (!session->way_count) // the files' own comes with the first
		ways[session->way_count++] = (struct session_way){0};
	ways[session->way_count++] = (struct session_way){over, subvolume};
	return 0;
}

bool way_is_subvolume(const struct session *session, uint32_t over)
{
	for (size_t i = 0; i < session->way_count; i++)
		if (session->ways[i].over == over)
			return session->ways[i].subvolume;
	return false;
}

bool way_next(const struct session *session, size_t *at, const struct fim_id *id,
	      struct fim_id *ret)
{
	while (*at < session->way_count) {
		uint32_t over = session->ways[(*at)++].over;

		if (over == id->over)
			continue;
		*ret = *id;
		ret->over = over;
		return true;
	}
	return false;
}

bool way_to_same(const struct session *session, size_t *at, const struct fim_id *id,
		 struct fim_id *ret)
{
	if (way_is_subvolume(session, id->over))
		return false;
	while (way_next(session, at, id, ret))
		if (!way_is_subvolume(session, ret->over))
			return true;
	return false;
}

bool way_other_knows(const struct session *session, const struct fim_id *id)
{
	struct fim_id other;

	for (size_t at = 0; way_next(session, &at, id, &other);)
		if (inode_table_known(&session->inodes, &other, NULL))
			return true;
	return false;
}

void way_find(const struct session *session, struct fim_id *id)
{
	const struct fim_id wanted = *id;
	struct fim_id other;

	if (inode_table_known(&session->inodes, id, NULL))
		return;
	for (size_t at = 0; way_next(session, &at, &wanted, &other);)
		if (inode_table_known(&session->inodes, &other, NULL))
			*id = other;
}

uint32_t way_device(const struct session *session, const struct fim_id *id)
{
	return mount_table_of_dev(&session->mounts, id->over) ? id->over : id->dev;
}

void way_set(struct fim_event *event, uint32_t over)
{
	event->dir.over = over;
	event->dir2.over = over;
	event->file.id.over = over;
	event->other.id.over = over;
}

void way_stat(struct session *session, const struct fim_event *event, struct fim_view *ret)
{
	const struct fim_id *id = &event->file.id;

	if (!id->over)
		return;
	if (!way_is_subvolume(session, id->over)) {
		overlay_stat(session, event, ret);
		return;
	}
	// The number is the kernel's.
	session->stat_id = (struct fim_id){.ino = id->ino, .dev = id->over};
	ret->stat_id = &session->stat_id;
}
