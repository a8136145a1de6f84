// SPDX-License-Identifier: GPL-2.0-only
//
// observe.c - what records and scans tell of inodes' traits, and what a record
// shows but no record has told of.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "reconcile.h"
#include "session_parts.h"

// --- what nobody told of --------------------------------------------------

static const struct gap *gap_at(const struct reconcile *r, uint64_t time)
{
	for (size_t i = 0; i < r->gap_count; i++)
		if (time + RECONCILE_SLACK_NS >= r->gaps[i].since)
			return &r->gaps[i];
	return NULL;
}

// It may be long ago, and records have told more since. Of an inode without a name there
// is nothing to tell, nor where another has its number.
static void tell_traits(struct reconcile *r, const struct gap *gap, const struct suspect *suspect)
{
	const struct inode_table *inodes = &r->session->inodes;
	const struct traits *known = inode_table_traits(inodes, &suspect->is.id);
	struct traits_of now = {suspect->is.id, known ? *known : suspect->is.traits};
	struct bytes path;

	if (!reuse_is_another(&suspect->is.traits, &now.traits) &&
	    inode_table_path(inodes, &now.id, r->session->text[4], EVENT_PATH_SIZE, &path) == 0)
		finding_changed_then(r, gap, path, suspect->which, &suspect->was, &suspect->is, &now);
}

// It may have gone since.
static void tell_come(struct reconcile *r, const struct gap *gap, const struct suspect *suspect)
{
	const struct inode_table *inodes = &r->session->inodes;
	const struct traits *known = inode_table_traits(inodes, &suspect->is.id);
	struct bytes path = bytes_of_string(suspect->come);
	struct traits_of now = {suspect->is.id, known ? *known : suspect->is.traits};
	struct fim_id at;

	if (inode_table_at(inodes, path, &at) && same_id(&at, &now.id))
		finding_new(r, gap, path, 0, &now, &now);
}

// Another may have the name since.
static void tell_missing(struct reconcile *r, const struct gap *gap, struct bytes path)
{
	struct fim_id other;

	if (!inode_table_at(&r->session->inodes, path, &other))
		finding_lost(r, gap, path);
}

static void tell(struct reconcile *r, const struct gap *gap, const struct suspect *suspect)
{
	if (suspect->missing)
		tell_missing(r, gap, bytes_of_string(suspect->missing));
	else if (suspect->come)
		tell_come(r, gap, suspect);
	else
		tell_traits(r, gap, suspect);
}

static void suspect_drop(struct suspect *suspect)
{
	free(suspect->missing);
	free(suspect->come);
	*suspect = (struct suspect){0};
}

// In place of the oldest. -ENOMEM
static int suspect_keep(struct reconcile *r, const struct suspect *suspect)
{
	struct suspect *place;

	if (!r->suspects)
		r->suspects = calloc(RECONCILE_SUSPECTS, sizeof(*r->suspects));
	if (!r->suspects)
		return -ENOMEM;
	place = &r->suspects[r->suspect_count++ % RECONCILE_SUSPECTS];
	if (place->time)
		r->suspect_gone = place->time;
	suspect_drop(place);
	*place = *suspect;
	return 0;
}

// Its gap may be known, or turn up later. `suspect` is taken over.
static void suspect_add(struct reconcile *r, struct suspect *suspect)
{
	const struct gap *gap = gap_at(r, suspect->time);

	if (gap)
		tell(r, gap, suspect);
	if (gap || suspect_keep(r, suspect) < 0) {
		r->suspect_gone = gap ? r->suspect_gone : suspect->time;
		suspect_drop(suspect);
	}
	*suspect = (struct suspect){0};
}

void observe_suspects(struct reconcile *r, const struct gap *gap)
{
	uint64_t n = r->suspect_count < RECONCILE_SUSPECTS ? 0
							   : r->suspect_count - RECONCILE_SUSPECTS;

	for (; n < r->suspect_count; n++) {
		struct suspect *suspect = &r->suspects[n % RECONCILE_SUSPECTS];

		if (!suspect->time || suspect->time + RECONCILE_SLACK_NS < gap->since)
			continue;
		tell(r, gap, suspect);
		suspect_drop(suspect);
	}
	if (r->suspect_gone && r->suspect_gone + RECONCILE_SLACK_NS >= gap->since)
		r->numbers.undecided++;
}

void observe_forget(struct reconcile *r)
{
	for (size_t i = 0; r->suspects && i < RECONCILE_SUSPECTS; i++)
		suspect_drop(&r->suspects[i]);
	free(r->suspects);
	r->suspects = NULL;
}

static void suspect_traits(struct reconcile *r, const struct fim_event *event)
{
	const struct traits *known = inode_table_traits(&r->session->inodes, &event->file.id);
	struct suspect *suspect = &r->suspect;

	suspect->which = traits_unexplained(known, event);
	if (!suspect->which)
		return;
	suspect->time = event->time;
	suspect->was = (struct traits_of){event->file.id, *known};
	suspect->is.id = event->file.id;
	traits_of_file(&event->file, &suspect->is.traits);
}

// --- names that cannot be any more ----------------------------------------

static bool is_fresh(const struct fim_event *event)
{
	return event->op >= FIM_OP_CREATE && event->op <= FIM_OP_SYMLINK;
}

/* What is about to be applied: a record, or (NULL) a name that was scanned. */
struct before {
	struct reconcile *r;
	uint64_t time;
	const struct fim_event *event;
	const struct fim_id *dir;
	struct bytes name;
};

static bool is_name(const struct fim_event *event, const struct fim_id *dir, struct bytes name,
		    enum fim_text_slot slot)
{
	const struct fim_id *in = slot == FIM_TEXT_PATH ? &event->dir : &event->dir2;

	return same_id(in, dir) && bytes_equal(event_leaf(event, slot), name);
}

// What the record itself is about.
static bool keeps(void *context, const struct fim_id *dir, struct bytes name)
{
	const struct before *before = context;
	const struct fim_event *event = before->event;

	if (!event)
		return same_id(before->dir, dir) && bytes_equal(before->name, name);
	return is_name(event, dir, name, FIM_TEXT_PATH) ||
	       (event->op == FIM_OP_RENAME && is_name(event, dir, name, FIM_TEXT_PATH2));
}

static void lost(void *context, const struct fim_id *dir, struct bytes name,
		 const struct fim_id *child)
{
	const struct before *before = context;
	struct session *session = before->r->session;
	struct suspect suspect = {.time = before->time};
	struct bytes path;

	if (inode_table_path_in(&session->inodes, dir, name, session->text[4], EVENT_PATH_SIZE,
				&path) == 0)
		suspect.missing = strndup(path.data, path.length);
	inode_table_remove_name(&session->inodes, dir, name, child);
	if (suspect.missing)
		suspect_add(before->r, &suspect);
}

// What is made has no other name, and nothing in it; a directory has one name, and
// one that is removed is empty; what has no links has no names.
static void lose_old(struct before *before, const struct traits_of *now, bool fresh, bool gone)
{
	struct inode_table *inodes = &before->r->session->inodes;
	const struct reuse reuse = {inodes, before, lost, keeps};
	bool is_dir = S_ISDIR(now->traits.mode);
	bool named = !before->event || before->event->op == FIM_OP_RENAME;

	if (reuse_is_another(inode_table_traits(inodes, &now->id), &now->traits)) {
		reuse_all(&reuse, &now->id);
		return;
	}
	if (fresh || (gone && is_dir))
		reuse_children(&reuse, &now->id);
	if (fresh || gone || (is_dir && named))
		reuse_names(&reuse, &now->id);
}

// Then it may have got its names after this act. A scan that has seen it since knows the
// time of a change that is not before this one.
static bool was_scanned_since(const struct before *before, const struct traits_of *now)
{
	const struct session *session = before->r->session;
	const struct traits *known = inode_table_traits(&session->inodes, &now->id);

	return before->time <= session->scanned_until &&
	       (!known || known->ctime >= now->traits.ctime);
}

static void lose_old_of(struct before *before, const struct fim_file *file, bool fresh, bool gone)
{
	struct traits_of now = {.id = file->id};

	traits_of_file(file, &now.traits);
	if (!was_scanned_since(before, &now))
		lose_old(before, &now, fresh, gone);
}

static bool is_gone(const struct fim_event *event)
{
	return event->op == FIM_OP_RMDIR || (event->op == FIM_OP_UNLINK && !event->file.nlink);
}

static bool replaces(const struct fim_event *event)
{
	return event->op == FIM_OP_RENAME && event->flags & FIM_EVENT_REPLACED &&
	       (!event->other.nlink || S_ISDIR(event->other.mode));
}

static bool is_named(const struct session *session, const struct fim_event *event)
{
	struct bytes name = event_leaf(event, FIM_TEXT_PATH);
	struct fim_id at;

	return name.data && inode_table_find(&session->inodes, &event->dir, name, &at) &&
	       same_id(&at, &event->file.id);
}

void observe_before(struct session *session, const struct fim_event *event)
{
	struct before before = {session->reconcile, event->time, event, NULL, {NULL, 0}};

	session->reconcile->unnamed = !event_is_of_name(event) && !is_named(session, event);
	if (verdict_risen(session, &event->file.id))
		session_unread(session, &event->file.id); // what is in it may have been told missing
	suspect_traits(session->reconcile, event);
	lose_old_of(&before, &event->file, is_fresh(event), is_gone(event));
	if (replaces(event))
		lose_old_of(&before, &event->other, false, true);
}

void observe_named(struct session *session, const struct fim_id *dir, struct bytes name,
		   const struct traits_of *is)
{
	struct before before = {session->reconcile, tap_now(), NULL, dir, name};

	if (inode_table_known(&session->inodes, &is->id, NULL))
		lose_old(&before, is, false, false);
}

// --- what is known ---------------------------------------------------------

// The same file by each way to it.
static void learn(struct session *session, const struct fim_event *event)
{
	struct fim_id id = event->file.id;
	struct traits traits;

	traits_learn(inode_table_traits(&session->inodes, &id), event, &traits);
	inode_table_set_traits(&session->inodes, &id, &traits);
	for (size_t at = 0; way_to_same(session, &at, &event->file.id, &id);)
		inode_table_set_traits(&session->inodes, &id, &traits);
}

static void names_moved(struct session *session, const struct fim_id *dir)
{
	const struct traits *known = inode_table_traits(&session->inodes, dir);
	struct traits traits;

	if (!known || known->moving)
		return;
	traits = *known;
	traits.moving = 1;
	inode_table_set_traits(&session->inodes, dir, &traits);
}

void observe_come(struct session *session, const struct fim_id *id, struct bytes path,
		  uint64_t time)
{
	const struct traits *known = inode_table_traits(&session->inodes, id);
	struct suspect suspect = {.time = time, .is.id = *id};

	if (known)
		suspect.is.traits = *known;
	suspect.come = strndup(path.data, path.length);
	if (suspect.come)
		suspect_add(session->reconcile, &suspect);
	else
		session->counts[SESSION_NO_MEMORY]++;
}

// An act on an inode has brought a name of which no act told.
static void name_come(struct session *session, const struct fim_event *event)
{
	struct bytes path;

	if (session->reconcile->unnamed && is_named(session, event) &&
	    inode_table_path_in(&session->inodes, &event->dir, event_leaf(event, FIM_TEXT_PATH),
				session->text[4], EVENT_PATH_SIZE, &path) == 0)
		observe_come(session, &event->file.id, path, event->time);
	session->reconcile->unnamed = false;
}

void observe_after(struct session *session, const struct fim_event *event)
{
	struct traits traits;

	learn(session, event);
	name_come(session, event);
	if (session->reconcile->suspect.time)
		suspect_add(session->reconcile, &session->reconcile->suspect);
	if (event->flags & FIM_EVENT_EXCHANGE) {
		traits_of_file(&event->other, &traits);
		inode_table_set_traits(&session->inodes, &event->other.id, &traits);
	}
	if (!event_is_of_name(event))
		return;
	names_moved(session, &event->dir);
	if (event->op == FIM_OP_RENAME)
		names_moved(session, &event->dir2);
}

void observe_scanned(struct session *session, const struct fim_id *id, const struct stat *st,
		     uint32_t generation)
{
	struct traits traits;

	if (inode_table_traits(&session->inodes, id))
		return; // a record of it may be newer
	traits_of_stat(st, generation, &traits);
	inode_table_set_traits(&session->inodes, id, &traits);
}
