// SPDX-License-Identifier: GPL-2.0-only
//
// reread.c - a directory is read again: names that are not known, or lead to
// another inode; then those known before are asked for.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "reconcile.h"
#include "session_parts.h"
#include "tree.h"

static int open_verified(struct reconcile *r, const struct fim_id *dir, struct bytes path)
{
	int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct traits_of found;

	if (fd < 0)
		return -1;
	if (look_at(r, fd, "", AT_EMPTY_PATH, &found) == 0 && same_id(&found.id, dir))
		return fd;
	close(fd);
	return -1;
}

// They are copied: records may take them away while the directory is read.
static void copy_names(struct reconcile *r, const struct fim_id *dir)
{
	struct inode_cursor cursor = inode_table_children(&r->session->inodes, dir);
	struct fim_id child;
	struct bytes name;

	while (inode_table_next_child(&r->session->inodes, &cursor, &child, &name)) {
		buffer_add(&r->reading.names, name.data, name.length);
		buffer_add_byte(&r->reading.names, '\0');
	}
}

bool reread_begin(struct reconcile *r, const struct fim_id *dir)
{
	struct reread *reading = &r->reading;
	struct bytes path = look_path(r, dir, bytes_of(NULL, 0));
	int fd = path.data ? open_verified(r, dir, path) : -1;
	uint32_t flags = 0;

	if (fd < 0)
		return false;
	inode_table_known(&r->session->inodes, dir, &flags);
	reading->stream = fdopendir(fd);
	reading->id = *dir;
	reading->names_only = flags & INODE_NAMES_ONLY;
	reading->asked = 0;
	buffer_reset(&reading->names);
	buffer_reset(&reading->path);
	buffer_add(&reading->path, path.data, path.length);
	copy_names(r, dir);
	if (reading->stream && !reading->names.error && !reading->path.error)
		return true;
	if (!reading->stream)
		close(fd);
	reread_end(r);
	r->numbers.undecided++;
	return true;
}

void reread_end(struct reconcile *r)
{
	if (r->reading.stream)
		closedir(r->reading.stream);
	r->reading.stream = NULL;
}

// --- names that are there ------------------------------------------------

// Nobody told that it is there: its key first, then what it is like. It may be open for writing.
static int look_at_new(struct reconcile *r, const char *name, struct traits_of *ret)
{
	int fd = dirfd(r->reading.stream), inserted;
	int error = look_at(r, fd, name, 0, ret);

	if (error < 0)
		return error;
	r->scan.fresh = FIM_WATCH_OPEN_BEFORE;
	inserted = scan_insert(&r->scan, &ret->id,
			       S_ISDIR(ret->traits.mode) ? FIM_WATCH_INHERIT : 0);
	r->scan.fresh = 0;
	if (inserted == -ENOSPC)
		r->session->need_room = true;
	return inserted == 1 ? look_at(r, fd, name, 0, ret) : 0;
}

static bool is_asked_for(const struct reconcile *r, struct bytes name)
{
	return !r->reading.names_only || apply_wants(r->session, &r->reading.id, name);
}

static void unreadable(struct reconcile *r, const char *name, int error)
{
	size_t length = tree_push(&r->reading.path, name);

	emit_error(r->session, buffer_bytes(&r->reading.path), strerror(-error));
	r->reading.path.length = length;
	r->numbers.undecided++;
}

static bool is_wanted(struct reconcile *r, const char *name)
{
	size_t length = tree_push(&r->reading.path, name);
	bool wanted;

	buffer_add_byte(&r->reading.path, '\0');
	r->reading.path.length--;
	wanted = !r->reading.path.error && look_wanted(r, buffer_bytes(&r->reading.path));
	r->reading.path.length = length;
	return wanted;
}

static void compare(struct reconcile *r, const char *text, const struct fim_id *known)
{
	struct doubt doubt = {.looked = tap_now(), .dir = r->reading.id,
			      .name = bytes_of_string(text)};
	const struct traits *traits = known ? inode_table_traits(&r->session->inodes, known) : NULL;
	int error = look_at_new(r, text, &doubt.is);

	if (error < 0) {
		if (error != -ENOENT) // it is asked for, if it was known
			unreadable(r, text, error);
		return;
	}
	if (known && same_id(known, &doubt.is.id))
		return;
	if (known)
		doubt.was.id = *known;
	if (traits)
		doubt.was.traits = *traits;
	look_doubt(r, &doubt);
}

// It may be known since this sweep began only, by a record of another act than
// its making: what is in it nobody has told.
static void read_below(struct reconcile *r, const struct fim_id *id)
{
	uint32_t flags;

	if (inode_table_known(&r->session->inodes, id, &flags) && flags & INODE_DIR &&
	    sweep_is_stamped(r, id))
		sweep_directory(r, id);
}

static void read_name(struct reconcile *r, const struct dirent *d)
{
	struct bytes name = bytes_of_string(d->d_name);
	struct fim_id known;
	bool is_known = inode_table_find(&r->session->inodes, &r->reading.id, name, &known);

	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
		return;
	if (is_known && known.ino == d->d_ino && !known.over) {
		read_below(r, &known);
		return;
	}
	if ((!is_known && !is_asked_for(r, name)) || !is_wanted(r, d->d_name))
		return;
	compare(r, d->d_name, is_known ? &known : NULL);
}

// --- names that were there -----------------------------------------------

static void ask_for(struct reconcile *r, const char *text)
{
	struct doubt doubt = {.looked = tap_now(), .dir = r->reading.id,
			      .name = bytes_of_string(text)};
	const struct traits *traits;
	struct stat st;

	if (fstatat(dirfd(r->reading.stream), text, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 ||
	    errno != ENOENT ||
	    !inode_table_find(&r->session->inodes, &doubt.dir, doubt.name, &doubt.was.id))
		return;
	traits = inode_table_traits(&r->session->inodes, &doubt.was.id);
	if (traits)
		doubt.was.traits = *traits;
	look_doubt(r, &doubt);
}

bool reread_step(struct reconcile *r)
{
	struct reread *reading = &r->reading;
	struct dirent *d = reading->asked ? NULL : (errno = 0, readdir(reading->stream));
	const char *text;

	if (d) {
		read_name(r, d);
		return true;
	}
	if (!reading->asked && errno)
		unreadable(r, ".", -errno);
	if (reading->asked < reading->names.length) {
		text = reading->names.data + reading->asked;
		reading->asked += strlen(text) + 1;
		ask_for(r, text);
		return true;
	}
	reread_end(r);
	return false;
}
