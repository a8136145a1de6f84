// SPDX-License-Identifier: GPL-2.0-only
//
// restore.c - keys that somebody has taken out of the hash: whoever may use bpf(2) can.
#include <errno.h>

#include "bpf_map.h"
#include "reconcile.h"
#include "session_parts.h"

static void insert(struct reconcile *r, const struct fim_id *id, uint32_t flags)
{
	if (scan_insert(&r->scan, id, flags) == -ENOSPC)
		r->session->need_room = true;
}

static uint32_t flags_of(uint32_t known)
{
	if (known & INODE_DIR)
		return known & INODE_NAMES_ONLY ? FIM_WATCH_NAMES : FIM_WATCH_INHERIT;
	return known & (INODE_OPEN_BEFORE | INODE_MAPPED_BEFORE) ? FIM_WATCH_OPEN_BEFORE : 0;
}

// The blind spots that it lies in by every name, as scan_insert() leaves them in the end.
static uint32_t spots_of(struct reconcile *r, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&r->session->inodes, id);
	uint32_t bits = spots_at(&r->session->spots, look_path(r, id, bytes_of(NULL, 0)));
	struct fim_id dir;
	struct bytes name;

	while (bits && inode_table_next_name(&r->session->inodes, &cursor, &dir, &name))
		bits &= spots_at(&r->session->spots, look_path(r, &dir, name));
	return bits;
}

void restore_key(struct reconcile *r, const struct fim_id *id, uint32_t known)
{
	struct fim_watched value;
	struct traits_of found;

	if (sweep_key(r, id, &value) || look_covered(r, id) || !look_find(r, id, &found))
		return;
	r->scan.bears = spots_of(r, id);
	insert(r, id, flags_of(known));
	r->scan.bears = 0;
}

static void restore_overlay(struct reconcile *r, uint32_t over)
{
	struct fim_id key = {.dev = over};
	struct fim_watched value;

	if (!over || way_is_subvolume(r->session, over) ||
	    !mount_table_of_dev(&r->session->mounts, over) || sweep_key(r, &key, &value))
		return;
	if (scan_insert_overlay(&r->scan, over) < 0)
		r->session->need_room = true;
}

void restore_others(struct reconcile *r)
{
	for (size_t i = 0; i < r->session->way_count; i++)
		restore_overlay(r, r->session->ways[i].over);
	devices_restore(r->session);
	for (const struct session_root *root = r->session->roots; root; root = root->next)
		if (above_watch(r->session, root->text) == -ENOSPC)
			r->session->need_room = true;
}
