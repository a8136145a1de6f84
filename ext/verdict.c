// SPDX-License-Identifier: GPL-2.0-only
//
// verdict.c - what no record can explain any more is told, and known from then on.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "reconcile.h"
#include "session_parts.h"

// --- names ---------------------------------------------------------------

// What is in it has the path that it had.
static void fall(struct reconcile *r, const struct fim_id *dir, struct bytes path)
{
	if (path.data)
		inode_table_set_root(&r->session->inodes, dir, path, INODE_FALLEN);
}

bool verdict_risen(struct session *session, const struct fim_id *dir)
{
	uint32_t flags;

	if (!inode_table_known(&session->inodes, dir, &flags) || !(flags & INODE_FALLEN))
		return false;
	inode_table_unset_root(&session->inodes, dir);
	inode_table_set_flags(&session->inodes, dir, 0, INODE_FALLEN);
	return true;
}

static void lose_name(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		      const struct fim_id *child, struct bytes path)
{
	struct inode_table *inodes = &r->session->inodes;
	uint32_t flags;

	inode_table_remove_name(inodes, dir, name, child);
	if (!inode_table_known(inodes, child, &flags) || flags & INODE_ROOT ||
	    inode_table_name_count(inodes, child) > 0)
		return;
	if (flags & INODE_DIR)
		fall(r, child, path);
	if (ids_add(&r->nameless, child) < 0)
		r->numbers.undecided++;
}

static struct bytes path_of(struct reconcile *r, const struct fim_id *dir, struct bytes name)
{
	struct bytes path = {NULL, 0};

	inode_table_path_in(&r->session->inodes, dir, name, r->path, sizeof(r->path), &path);
	return path;
}

void verdict_missing(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		     const struct fim_id *child)
{
	struct bytes path = path_of(r, dir, name);

	finding_lost(r, &r->gaps[0], path);
	lose_name(r, dir, name, child, path);
}

static void lost(void *context, const struct fim_id *dir, struct bytes name,
		 const struct fim_id *child)
{
	verdict_missing(context, dir, name, child);
}

// A directory has one name; and what had the number before is gone with all of its.
static void lose_old(struct reconcile *r, const struct traits_of *is)
{
	struct inode_table *inodes = &r->session->inodes;
	const struct reuse reuse = {inodes, r, lost, NULL};

	if (reuse_is_another(inode_table_traits(inodes, &is->id), &is->traits))
		reuse_all(&reuse, &is->id);
	else if (S_ISDIR(is->traits.mode))
		reuse_names(&reuse, &is->id);
	verdict_risen(r->session, &is->id);
}

static void gain_name(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		      const struct traits_of *is)
{
	struct session *session = r->session;
	const struct traits *traits = inode_table_traits(&session->inodes, &is->id);
	bool newer = !traits || traits->ctime <= is->traits.ctime;

	if (inode_table_add_name(&session->inodes, dir, name, &is->id,
				 S_ISDIR(is->traits.mode)) < 0) {
		session->counts[SESSION_REFUSED]++;
		r->numbers.undecided++;
		return;
	}
	if (dir->dev != is->id.dev)
		devices_add(session, is->id.dev);
	if (newer)
		inode_table_set_traits(&session->inodes, &is->id, &is->traits);
	if (S_ISDIR(is->traits.mode))
		sweep_directory(r, &is->id);
}

// A record of it that was applied since it was seen knows more.
static struct traits_of newest(const struct reconcile *r, const struct traits_of *seen)
{
	const struct traits *known = inode_table_traits(&r->session->inodes, &seen->id);

	return known && known->ctime > seen->traits.ctime && !reuse_is_another(known, &seen->traits)
		       ? (struct traits_of){seen->id, *known}
		       : *seen;
}

// It may be known by another name.
static void find_new(struct reconcile *r, const struct doubt *doubt, struct bytes path)
{
	const struct traits *known = inode_table_traits(&r->session->inodes, &doubt->is.id);
	struct traits_of was = {doubt->is.id, known ? *known : doubt->is.traits};
	struct traits_of now = newest(r, &doubt->is);

	finding_new(r, &r->gaps[0], path, traits_differ(&was.traits, &now.traits), &was, &now);
}

static void find_replaced(struct reconcile *r, const struct doubt *doubt, struct bytes path)
{
	struct traits_of now = newest(r, &doubt->is);
	uint32_t which = traits_differ(&doubt->was.traits, &now.traits);

	finding_changed(r, &r->gaps[0], path, which | 1u << TRAIT_INODE, &doubt->was, &now);
	lose_name(r, &doubt->dir, doubt->name, &doubt->was.id, path);
}

// Names that records told in a directory of which none had told: by another path,
// perhaps, since it may have been renamed unheard.
static void tell_children(struct reconcile *r, const struct fim_id *dir)
{
	struct inode_cursor cursor = inode_table_children(&r->session->inodes, dir);
	const struct traits *traits;
	struct traits_of is;
	struct bytes name;

	while (inode_table_next_child(&r->session->inodes, &cursor, &is.id, &name)) {
		traits = inode_table_traits(&r->session->inodes, &is.id);
		if (!traits)
			continue; // the directory is read yet
		is.traits = *traits;
		finding_new(r, &r->gaps[0], path_of(r, dir, name), 0, &is, &is);
		if (S_ISDIR(traits->mode))
			tell_children(r, &is.id);
	}
}

static bool is_unheard(struct reconcile *r, const struct fim_id *id)
{
	uint32_t flags;

	return inode_table_known(&r->session->inodes, id, &flags) &&
	       flags & INODE_DIR && !(flags & (INODE_ROOT | INODE_FALLEN)) &&
	       inode_table_name_count(&r->session->inodes, id) == 0;
}

static void verdict_name(struct reconcile *r, const struct doubt *doubt)
{
	bool unheard = is_unheard(r, &doubt->is.id);
	struct bytes path;

	r->verdicts++;
	if (!doubt->is.id.ino) {
		verdict_missing(r, &doubt->dir, doubt->name, &doubt->was.id);
		return;
	}
	lose_old(r, &doubt->is);
	path = path_of(r, &doubt->dir, doubt->name);
	doubt->was.id.ino ? find_replaced(r, doubt, path) : find_new(r, doubt, path);
	gain_name(r, &doubt->dir, doubt->name, &doubt->is);
	if (unheard)
		tell_children(r, &doubt->is.id);
}

// --- doubts --------------------------------------------------------------

static void look_again(struct reconcile *r, const struct doubt *doubt)
{
	struct doubt again = {.dir = doubt->dir, .name = doubt->name, .tries = doubt->tries + 1};

	if (again.tries >= RECONCILE_TRIES || !look_at_name(r, &again.dir, again.name, &again))
		sweep_read_later(r, &again.dir); // else nobody would ever tell of the name
	else if (!same_id(&again.was.id, &again.is.id))
		look_doubt(r, &again);
}

// It still leads there; `doubt->is` is then as it is now. A record that was applied since may have
// told that it went, or lost a link, and have changed nothing in the table, as nobody had told
// that it was there; and where it goes only now, the record of that is on its way.
static bool is_still_so(struct reconcile *r, struct doubt *doubt)
{
	struct bytes path = look_path(r, &doubt->dir, doubt->name);
	struct traits_of is = {0};
	int error = path.data ? look_at(r, AT_FDCWD, path.data, 0, &is) : 0;

	if (!path.data)
		return true; // nobody looks there
	if ((error < 0 && error != -ENOENT) || !same_id(&is.id, &doubt->is.id) ||
	    reuse_is_another(&doubt->is.traits, &is.traits))
		return false;
	doubt->is = is;
	return true;
}

// What the table says now was told by records, or by an earlier verdict.
static void settle_name(struct reconcile *r, struct doubt *doubt)
{
	struct fim_id now = {0};

	inode_table_find(&r->session->inodes, &doubt->dir, doubt->name, &now);
	if (same_id(&now, &doubt->is.id)) {
		if (S_ISDIR(doubt->is.traits.mode)) // by another act than its making, perhaps
			sweep_directory(r, &doubt->is.id);
		return;
	}
	if (!inode_table_known(&r->session->inodes, &doubt->dir, NULL))
		return; // with all that was in it
	if (same_id(&now, &doubt->was.id) && is_still_so(r, doubt))
		verdict_name(r, doubt);
	else
		look_again(r, doubt);
}

static void verdict_inode(struct reconcile *r, const struct doubt *doubt, uint32_t which)
{
	struct traits traits = doubt->is.traits;
	struct bytes path = look_path(r, &doubt->was.id, bytes_of(NULL, 0));

	if (!path.data)
		return; // it has lost its name since: that is told
	finding_changed(r, &r->gaps[0], path, which, &doubt->was, &doubt->is);
	traits.moving = doubt->was.traits.moving;
	inode_table_set_traits(&r->session->inodes, &doubt->was.id, &traits);
}

static void settle_inode(struct reconcile *r, const struct doubt *doubt)
{
	const struct traits *known = inode_table_traits(&r->session->inodes, &doubt->was.id);
	uint32_t which = known ? traits_differ(known, &doubt->is.traits) : 0;
	struct doubt again = {.tries = doubt->tries + 1, .was = doubt->was};

	if (!which)
		return;
	if (memcmp(known, &doubt->was.traits, sizeof(*known)) == 0) {
		verdict_inode(r, doubt, which);
		return;
	}
	again.looked = tap_now();
	again.was.traits = *known;
	if (again.tries >= RECONCILE_TRIES || !look_find(r, &again.was.id, &again.is))
		r->numbers.undecided++;
	else if (traits_differ(known, &again.is.traits))
		look_doubt(r, &again);
}

void verdict_settle(struct reconcile *r, uint64_t until)
{
	const struct doubt *first;

	while ((first = doubts_first(&r->doubts)) && first->looked < until) {
		struct doubt doubt = *first;

		doubt.name.data ? settle_name(r, &doubt) : settle_inode(r, &doubt);
		doubts_drop_first(&r->doubts);
	}
}
