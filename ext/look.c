// SPDX-License-Identifier: GPL-2.0-only
//
// look.c - an inode or a name as it is now, beside what is known of it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "reconcile.h"
#include "session_parts.h"

int look_at(struct reconcile *r, int at, const char *name, int flags, struct traits_of *ret)
{
	mode_t mode;
	int error = scan_identify(&r->scan, at, name, flags, &ret->id, &mode);

	if (error < 0)
		return error;
	traits_of_stat(&r->scan.st, r->scan.generation, &ret->traits);
	return ret->id.over ? way_seen(r->session, ret->id.over, r->scan.subvolume) : 0;
}

// A mount that is not entered can hang whoever looks.
bool look_wanted(struct reconcile *r, struct bytes path)
{
	const struct mount *mount = mount_table_on(&r->session->mounts, path);

	return (!mount || mount->kind == MOUNT_LOCAL) &&
	       !exclude_matches(&r->session->exclude, path);
}

struct bytes look_path(struct reconcile *r, const struct fim_id *dir, struct bytes name)
{
	const struct inode_table *inodes = &r->session->inodes;
	struct bytes path = {NULL, 0};
	int error = name.data ? inode_table_path_in(inodes, dir, name, r->path, sizeof(r->path), &path)
			      : inode_table_path(inodes, dir, r->path, sizeof(r->path), &path);

	return error == 0 && look_wanted(r, path) ? path : bytes_of(NULL, 0);
}

// --- an inode ------------------------------------------------------------

static bool is_at(struct reconcile *r, const struct fim_id *id, struct bytes path,
		  struct traits_of *ret)
{
	return path.data && look_at(r, AT_FDCWD, path.data, 0, ret) == 0 && same_id(&ret->id, id);
}

// By any of its names, or as the root that it is.
bool look_find(struct reconcile *r, const struct fim_id *id, struct traits_of *ret)
{
	struct inode_cursor cursor = inode_table_names(&r->session->inodes, id);
	struct fim_id dir;
	struct bytes name;

	if (is_at(r, id, look_path(r, id, bytes_of(NULL, 0)), ret))
		return true;
	while (inode_table_next_name(&r->session->inodes, &cursor, &dir, &name))
		if (is_at(r, id, look_path(r, &dir, name), ret))
			return true;
	return false;
}

static bool is_covered(const struct reconcile *r, struct bytes path)
{
	return !path.data || exclude_covers(&r->session->exclude, path);
}

bool look_covered(struct reconcile *r, const struct fim_id *id)
{
	struct inode_cursor cursor = inode_table_names(&r->session->inodes, id);
	struct fim_id dir;
	struct bytes name;

	if (!is_covered(r, look_path(r, id, bytes_of(NULL, 0))))
		return false;
	while (inode_table_next_name(&r->session->inodes, &cursor, &dir, &name))
		if (!is_covered(r, look_path(r, &dir, name)))
			return false;
	return true;
}

void look_doubt(struct reconcile *r, const struct doubt *doubt)
{
	if (doubts_add(&r->doubts, doubt) < 0)
		r->numbers.undecided++;
}

bool look_at_inode(struct reconcile *r, const struct fim_id *id)
{
	struct doubt doubt = {.looked = tap_now(), .was = {.id = *id}};
	const struct traits *known;

	if (!look_find(r, id, &doubt.is))
		return false;
	known = inode_table_traits(&r->session->inodes, id);
	if (!known) {
		inode_table_set_traits(&r->session->inodes, id, &doubt.is.traits);
		r->numbers.undecided++; // there is nothing to compare it with
		return true;
	}
	doubt.was.traits = *known;
	if (traits_differ(known, &doubt.is.traits))
		look_doubt(r, &doubt);
	return true;
}

// --- a name --------------------------------------------------------------

static bool is_there(struct reconcile *r, const struct fim_id *dir)
{
	struct traits_of found;

	return is_at(r, dir, look_path(r, dir, bytes_of(NULL, 0)), &found);
}

static void known_by(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		     struct traits_of *ret)
{
	const struct traits *traits;

	*ret = (struct traits_of){0};
	if (!inode_table_find(&r->session->inodes, dir, name, &ret->id))
		return;
	traits = inode_table_traits(&r->session->inodes, &ret->id);
	if (traits)
		ret->traits = *traits;
}

bool look_at_name(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		  struct doubt *ret)
{
	struct bytes path;
	int error;

	ret->looked = tap_now();
	ret->is = (struct traits_of){0};
	known_by(r, dir, name, &ret->was);
	if (!is_there(r, dir))
		return false;
	path = look_path(r, dir, name);
	if (!path.data)
		return false;
	error = look_at(r, AT_FDCWD, path.data, 0, &ret->is);
	return error == 0 || error == -ENOENT;
}
