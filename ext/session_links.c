// SPDX-License-Identifier: GPL-2.0-only
//
// session_links.c - the other names of watched files: the rest of their file
// systems, searched by inode number.
//
// A name is compared by the number that reading its directory gives, and only
// then looked at. A file system is searched through one mount of it, and no
// mount point below is entered: a bind mount shows the same names again.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "decode.h"
#include "session_parts.h"
#include "tree.h"
#include "visit.h"

#define LINKS_PUMP 1024

struct search {
	struct session *session;
	struct scan scan;
	const struct session_linked *first; // of this file system, by number
	size_t count;
	uint64_t missing; // names
	uint64_t names;   // read
};

int links_note(struct session *session, const struct scan_entry *entry)
{
	if (session->linked_count == session->linked_room) {
		size_t room = session->linked_room ? session->linked_room * 2 : 256;
		struct session_linked *linked = realloc(session->linked, room * sizeof(*linked));

		if (!linked)
			return -ENOMEM;
		session->linked = linked;
		session->linked_room = room;
	}
	session->linked[session->linked_count++] = (struct session_linked){
		entry->id, entry->st->st_ino, scan_kernel_dev(entry->st->st_dev),
		(uint32_t)entry->st->st_nlink};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct session_linked *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static uint32_t missing_names(const struct session *session, const struct session_linked *linked)
{
	uint32_t known = inode_table_name_count(&session->inodes, &linked->id);

	return known < linked->nlink ? linked->nlink - known : 0;
}

// Sorted, each once, and only those of which names are missing.
static void keep_incomplete(struct session *session)
{
	struct session_linked *linked = session->linked;
	size_t kept = 0;

	qsort(linked, session->linked_count, sizeof(*linked), compare);
	for (size_t i = 0; i < session->linked_count; i++)
		if (missing_names(session, &linked[i]) &&
		    (kept == 0 || compare(&linked[kept - 1], &linked[i]) != 0))
			linked[kept++] = linked[i];
	session->linked_count = kept;
}

// The directory is known for this name only, as one that is watched for some.
static int add_outside(struct search *search, int dir, const char *name, struct bytes path,
		       const struct session_linked *linked, mode_t mode)
{
	struct inode_table *inodes = &search->session->inodes;
	size_t length = path.length - strlen(name) - 1;
	struct fim_id id;
	mode_t dir_mode;
	uint32_t flags;
	int error = scan_identify(&search->scan, dir, "", AT_EMPTY_PATH, &id, &dir_mode);

	if (error < 0 || (inode_table_known(inodes, &id, &flags) && !(flags & INODE_NAMES_ONLY)))
		return 0; // watched: the name is there, or on its way
	if (!inode_table_known(inodes, &id, NULL))
		error = inode_table_set_root(inodes, &id, bytes_of(path.data, length ? length : 1),
					     INODE_DIR | INODE_NAMES_ONLY | INODE_OUTSIDE);
	if (error == 0)
		error = inode_table_add_name(inodes, &id, bytes_of_string(name), &linked->id, false);
	if (error < 0)
		return error;
	search->session->counts[SESSION_LINKS]++;
	search->missing--;
	emit_found(search->session, path, &linked->id, mode, "another name of a watched file");
	return search->missing ? 0 : 1;
}

static int search_name(void *context, int dir, const struct dirent *d, struct bytes path)
{
	struct search *search = context;
	struct session_linked key = {.ino = d->d_ino, .dev = search->first->dev};
	const struct session_linked *linked;
	struct stat st;

	if (++search->names % LINKS_PUMP == 0 && session_drain(search->session) < 0)
		return -EIO;
	if (d->d_type == DT_DIR)
		return 0;
	linked = bsearch(&key, search->first, search->count, sizeof(key), compare);
	if (!linked || fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
	    st.st_ino != linked->ino || scan_kernel_dev(st.st_dev) != linked->dev)
		return 0;
	return add_outside(search, dir, d->d_name, path, linked, st.st_mode);
}

static bool search_enter(void *context, struct bytes path)
{
	return !mount_table_on(&((struct search *)context)->session->mounts, path);
}

// Of the mounts of a superblock that shows the most of it.
static const struct mount *widest_mount(const struct mount_table *table, uint32_t dev)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->mounts[i];

		if (mount->dev == dev && mount->kind == MOUNT_LOCAL &&
		    mount_table_on(table, mount->point) == mount &&
		    (!best || mount->root.length < best->root.length))
			best = mount;
	}
	return best;
}

static int search_mount(struct search *search, const struct mount *mount)
{
	struct tree tree = {.context = search, .name = search_name, .enter = search_enter};
	char *point = strndup(mount->point.data, mount->point.length);
	int error = point ? tree_walk(&tree, point) : -ENOMEM;

	free(point);
	return error < 0 ? error : 0;
}

// `count` files of one file system. overlayfs and btrfs show numbers that are
// not the kernel's, and not unique within a mount.
static int search_files(struct session *session, const struct session_linked *first, size_t count)
{
	struct search search = {.session = session, .first = first, .count = count};
	const struct mount *mount = widest_mount(&session->mounts, first->dev);
	int error = 0;

	for (size_t i = 0; i < count; i++)
		search.missing += missing_names(session, &first[i]);
	visit_prepare(session, NULL, &search.scan);
	if (mount && first->dev == first->id.dev && !first->id.over)
		error = search_mount(&search, mount);
	else
		emit_withheld(session, "not searched for other names of watched files",
			      mount ? mount->point : bytes_of(NULL, 0), count, tap_now());
	session->counts[SESSION_LINKS_MISSING] += search.missing;
	return error;
}

int session_find_links(struct session *session)
{
	int error = session_scan_begin(session);
	size_t start = 0;

	if (error < 0)
		return error;
	keep_incomplete(session);
	error = session_scanner(session, (uint32_t)syscall(__NR_gettid), 0); // no key is inserted
	for (size_t i = 1; error == 0 && i <= session->linked_count; i++)
		if (i == session->linked_count || session->linked[i].dev != session->linked[start].dev) {
			error = search_files(session, &session->linked[start], i - start);
			start = i;
		}
	free(session->linked);
	session->linked = NULL;
	session->linked_count = session->linked_room = 0;
	session->find_links = false;
	session_scan_end(session);
	return error;
}
