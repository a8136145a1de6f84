// SPDX-License-Identifier: GPL-2.0-only
//
// survey_walk.c - the walker: names in the byte order of their paths.
//
// "/a-b" sorts between "/a" and "/a/x". So a directory is two items of the list
// it is in: "a", itself, and "a/", what is in it; sorting the items puts what is
// between them where it belongs.
#include "survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree.h"

struct walk {
	struct survey *survey;
	unsigned int depth; /* directories the walker is in */
};

enum item_kind {
	ITEM_OTHER,
	ITEM_REGULAR,
	ITEM_DIRECTORY, /* or what may be one */
	ITEM_CONTENTS,  /* of it: the name ends in a slash */
};

struct item {
	size_t name; /* where in the names */
	enum item_kind kind;
};

struct listing {
	struct buffer names; /* each with its NUL */
	struct item *items;
	size_t count, room;
};

static int add_item(struct listing *listing, const char *name, enum item_kind kind)
{
	const char *end = kind == ITEM_CONTENTS ? "/" : "";

	if (listing->count == listing->room) {
		size_t room = listing->room ? listing->room * 2 : 64;
		struct item *items = realloc(listing->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		listing->items = items;
		listing->room = room;
	}
	listing->items[listing->count++] = (struct item){listing->names.length, kind};
	buffer_add_string(&listing->names, name);
	buffer_add(&listing->names, end, strlen(end) + 1);
	return listing->names.error;
}

static int add_name(struct listing *listing, const char *name, unsigned char type)
{
	static const enum item_kind kinds[] = {
		[DT_UNKNOWN] = ITEM_DIRECTORY, [DT_DIR] = ITEM_DIRECTORY, [DT_REG] = ITEM_REGULAR,
	};
	enum item_kind kind = type <= DT_REG ? kinds[type] : ITEM_OTHER;
	int error = add_item(listing, name, kind);

	return error == 0 && kind == ITEM_DIRECTORY ? add_item(listing, name, ITEM_CONTENTS)
						    : error;
}

static int by_bytes(const void *a, const void *b, void *names)
{
	const struct item *one = a, *other = b;

	return strcmp((char *)names + one->name, (char *)names + other->name);
}

static void sort(struct listing *listing)
{
	if (listing->count)
		qsort_r(listing->items, listing->count, sizeof(*listing->items), by_bytes,
			listing->names.data);
}

static void listing_deinit(struct listing *listing)
{
	buffer_deinit(&listing->names);
	free(listing->items);
}

static int read_names(int fd, struct listing *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), error = 0; // and its O_NOATIME
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	if (!stream) {
		error = -errno;
		if (copy >= 0)
			close(copy);
		return error;
	}
	while (error == 0 && (errno = 0, d = readdir(stream)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			error = add_name(ret, d->d_name, d->d_type);
	if (error == 0)
		error = -errno;
	closedir(stream);
	return error;
}

static struct survey_directory *directory_new(struct bytes path)
{
	struct survey_directory *directory = calloc(1, sizeof(*directory) + path.length + 1);

	if (!directory)
		return NULL;
	memcpy(directory + 1, path.data, path.length);
	directory->path = bytes_of((char *)(directory + 1), path.length);
	directory->users = 1;
	return directory;
}

static void add_path(const struct survey_directory *directory, const char *name,
		     struct buffer *out)
{
	buffer_add(out, directory->path.data, directory->path.length);
	if (!directory->top && directory->path.data[directory->path.length - 1] != '/')
		buffer_add_byte(out, '/');
	buffer_add_string(out, name);
}

static int notice(struct walk *walk, const struct survey_directory *directory, const char *name,
		  int error, const char *why)
{
	struct buffer path = {0};
	int failed;

	add_path(directory, name, &path);
	failed = path.error ? path.error
			    : survey_notice(walk->survey, buffer_bytes(&path), error, why);
	buffer_deinit(&path);
	return failed;
}

// By a pattern; a root that is below what one matches as well.
static bool is_excluded(struct walk *walk, const struct survey_directory *directory,
			const char *name)
{
	const struct exclude *exclude = &walk->survey->exclude;
	struct buffer path = {0};
	bool found;

	if (!exclude->count)
		return false;
	add_path(directory, name, &path);
	found = !path.error && (directory->top ? exclude_covers : exclude_matches)(
					exclude, buffer_bytes(&path));
	buffer_deinit(&path);
	return found;
}

static int leave_out(struct walk *walk, struct survey_directory *directory)
{
	bool told = directory->told || directory->top;

	walk->survey->excluded++;
	directory->told = true;
	return told ? 0 : survey_notice(walk->survey, directory->path, 0, SURVEY_EXCLUDED);
}

// What is mounted on `name`, NULL: nothing. Asked of the table: a stat of a mount point
// whose server is gone never returns, one of an automount point may mount it.
static const struct mount *mounted_on(struct walk *walk, const struct survey_directory *directory,
				      const char *name)
{
	const struct mount *mount;
	struct buffer path = {0};

	if (directory->top)
		return NULL;
	add_path(directory, name, &path);
	mount = path.error ? NULL : mount_table_on(&walk->survey->mounts, buffer_bytes(&path));
	buffer_deinit(&path);
	return mount;
}

// Why it is not to be looked into; NULL: it is.
static const char *kept_out(const struct walk *walk, const struct mount *mount)
{
	if (!mount)
		return NULL;
	return walk->survey->one_file_system ? "not entered: --one-file-system"
					     : mount_not_entered(mount->kind);
}

static bool may_hang(const struct mount *mount)
{
	return mount->kind != MOUNT_LOCAL && mount->kind != MOUNT_PSEUDO;
}

static int put(struct walk *walk, struct survey_directory *directory, const char *name,
	       enum examine_hint hint)
{
	struct survey_entry *entry = survey_put(walk->survey, directory);

	if (!entry)
		return -ECANCELED;
	add_path(directory, name, &entry->path);
	entry->name = entry->path.length - strlen(name);
	entry->hint = hint;
	buffer_add_byte(&entry->path, '\0');
	return entry->path.error;
}

static int walk_items(struct walk *walk, struct survey_directory *directory,
		      struct listing *listing);

static int walk_names(struct walk *walk, struct survey_directory *directory)
{
	struct listing listing = {0};
	int error = read_names(directory->fd, &listing);

	if (error < 0 && error != -ENOMEM && error != -ENOENT)
		error = survey_notice(walk->survey, directory->path, error, NULL);
	sort(&listing);
	if (error == 0)
		error = walk_items(walk, directory, &listing);
	listing_deinit(&listing);
	return error == -ENOENT ? 0 : error; // removed meanwhile
}

// It is open: what is in it.
static int enter(struct walk *walk, const struct survey_directory *parent, const char *name, int fd)
{
	struct survey_directory *directory;
	struct buffer path = {0};
	int error;

	add_path(parent, name, &path);
	directory = path.error ? NULL : directory_new(buffer_bytes(&path));
	buffer_deinit(&path);
	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	directory->fd = fd;
	survey_make_room(walk->survey, ++walk->depth);
	error = walk_names(walk, directory);
	walk->depth--;
	survey_drop(walk->survey, directory);
	return error;
}

static int walk_directory(struct walk *walk, struct survey_directory *parent, const char *name)
{
	const char *why = kept_out(walk, mounted_on(walk, parent, name));
	int fd;

	if (why)
		return notice(walk, parent, name, 0, why);
	if (walk->depth >= TREE_DEPTH_MAX || parent->path.length >= TREE_PATH_MAX)
		return notice(walk, parent, name, -ENAMETOOLONG, NULL);
	fd = examine_open(parent->fd, name, O_DIRECTORY);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0; // gone, or no directory (any more)
	if (fd < 0)
		return notice(walk, parent, name, fd, NULL);
	return enter(walk, parent, name, fd);
}

static int walk_item(struct walk *walk, struct survey_directory *directory, char *name,
		     enum item_kind kind)
{
	enum examine_hint hint = kind == ITEM_REGULAR ? EXAMINE_REGULAR : EXAMINE_ANYTHING;
	const struct mount *mount;

	if (kind == ITEM_CONTENTS) {
		name[strlen(name) - 1] = '\0';
		return is_excluded(walk, directory, name) ? 0 : walk_directory(walk, directory, name);
	}
	if (is_excluded(walk, directory, name))
		return leave_out(walk, directory);
	mount = kind == ITEM_DIRECTORY ? mounted_on(walk, directory, name) : NULL;
	if (mount && kept_out(walk, mount))
		hint = EXAMINE_SHUT;
	return mount && may_hang(mount) ? 0 : put(walk, directory, name, hint);
}

static int walk_items(struct walk *walk, struct survey_directory *directory,
		      struct listing *listing)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < listing->count; i++)
		error = walk_item(walk, directory, listing->names.data + listing->items[i].name,
				  listing->items[i].kind);
	return error;
}

int survey_walk(struct survey *survey)
{
	struct survey_directory *top = directory_new(bytes_of("", 0));
	struct walk walk = {.survey = survey};
	struct listing listing = {0};
	int error = top ? 0 : -ENOMEM;

	for (char **root = survey->roots; error == 0 && *root; root++)
		error = add_name(&listing, *root, DT_UNKNOWN);
	if (error == 0) {
		top->fd = AT_FDCWD;
		top->top = true;
		survey_make_room(survey, ++walk.depth);
		sort(&listing);
		error = walk_items(&walk, top, &listing);
		survey_drop(survey, top);
	}
	listing_deinit(&listing);
	return error == -ECANCELED ? 0 : error;
}
