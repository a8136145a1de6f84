// SPDX-License-Identifier: GPL-2.0-only
//
// awaited.c - names that a visit has found, and of which a record should tell.
#include <sys/stat.h>

#include "reconcile.h"
#include "scan.h"
#include "session_parts.h"
#include "visit.h"

#define TRIES 8 /* looks at a name where one thing after another is seen, or its directory moves */

static void add(struct session *session, const struct doubt *doubt)
{
	if (doubts_add(&session->awaited, doubt) < 0)
		session->counts[SESSION_NO_MEMORY]++;
}

void awaited_add(struct session *session, const struct scan_entry *entry)
{
	struct doubt doubt = {.looked = tap_now(), .dir = *entry->dir, .name = entry->name,
			      .is = {.id = entry->id}, .reason = session->found};

	traits_of_stat(entry->st, entry->generation, &doubt.is.traits);
	add(session, &doubt);
}

static void becomes_known(struct session *session, const struct doubt *doubt)
{
	const struct traits_of *is = &doubt->is;
	bool is_dir = S_ISDIR(is->traits.mode);

	observe_named(session, &doubt->dir, doubt->name, is);
	if (inode_table_add_name(&session->inodes, &doubt->dir, doubt->name, &is->id, is_dir) < 0) {
		session->counts[SESSION_REFUSED]++;
		return;
	}
	if (doubt->dir.dev != is->id.dev)
		devices_add(session, is->id.dev);
	if (!inode_table_traits(&session->inodes, &is->id))
		inode_table_set_traits(&session->inodes, &is->id, &is->traits);
}

static struct bytes path_of(struct session *session, const struct doubt *doubt)
{
	struct bytes path = {NULL, 0};

	inode_table_path_in(&session->inodes, &doubt->dir, doubt->name, session->text[4],
			    EVENT_PATH_SIZE, &path);
	return path;
}

static void found(struct session *session, const struct doubt *doubt)
{
	struct bytes path;

	becomes_known(session, doubt);
	path = path_of(session, doubt);
	if (path.data)
		emit_found(session, path, &doubt->is.id, doubt->is.traits.mode, doubt->reason);
}

static void give_up(struct session *session, const struct doubt *doubt)
{
	struct bytes path = path_of(session, doubt);

	session->counts[SESSION_UNREADABLE]++;
	if (path.data)
		emit_error(session, path, "it changed each time it was looked at");
}

// A name that is gone has a record on its way, and so has a directory that is elsewhere.
static void look_again(struct session *session, const struct doubt *doubt)
{
	struct doubt now = {.dir = doubt->dir, .name = doubt->name, .tries = doubt->tries + 1,
			    .reason = doubt->reason};
	bool looked = look_at_name(session->reconcile, &now.dir, now.name, &now);

	if (looked && (!now.is.id.ino || same_id(&now.is.id, &doubt->is.id))) {
		if (now.is.id.ino)
			found(session, &now);
		return;
	}
	if (now.tries >= TRIES) {
		give_up(session, &now);
		return;
	}
	now.is = looked ? now.is : doubt->is;
	add(session, &now);
}

static void settle(struct session *session, const struct doubt *doubt)
{
	struct fim_id at;

	if (inode_table_known(&session->inodes, &doubt->dir, NULL) &&
	    !inode_table_find(&session->inodes, &doubt->dir, doubt->name, &at))
		look_again(session, doubt);
}

void awaited_settle(struct session *session, uint64_t until)
{
	const struct doubt *first = doubts_first(&session->awaited);

	if (!first || first->looked >= until || session_scan_begin(session) < 0)
		return;
	visit_prepare(session, NULL, &session->reconcile->scan);
	while ((first = doubts_first(&session->awaited)) && first->looked < until) {
		struct doubt doubt = *first;

		settle(session, &doubt);
		doubts_drop_first(&session->awaited);
	}
	session_scan_end(session);
}
