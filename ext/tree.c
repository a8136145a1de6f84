// SPDX-License-Identifier: GPL-2.0-only
#include "tree.h"

#include <fcntl.h>
#include <unistd.h>

size_t tree_push(struct buffer *path, const char *name)
{
	size_t length = path->length;

	if (length != 1 || path->data[0] != '/')
		buffer_add_byte(path, '/');
	buffer_add_string(path, name);
	return length;
}

static int walk(struct tree *tree, int at, const char *name);

static int walk_name(struct tree *tree, int dir, const struct dirent *d)
{
	size_t length = tree_push(&tree->path, d->d_name);
	int error = tree->path.error;

	if (error == 0)
		error = tree->name(tree->context, dir, d, buffer_bytes(&tree->path));
	if (error == 0 && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
	    tree->depth < TREE_DEPTH_MAX && length < TREE_PATH_MAX &&
	    tree->enter(tree->context, buffer_bytes(&tree->path)))
		error = walk(tree, dir, d->d_name);
	tree->path.length = length;
	return error;
}

static int walk(struct tree *tree, int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error = 0;
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	tree->depth++;
	while (error == 0 && (d = readdir(stream)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			error = walk_name(tree, fd, d);
	tree->depth--;
	closedir(stream);
	return error;
}

int tree_walk(struct tree *tree, const char *path)
{
	int error;

	buffer_add_string(&tree->path, path);
	error = walk(tree, AT_FDCWD, path);
	buffer_deinit(&tree->path);
	return error;
}
