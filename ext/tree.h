/* SPDX-License-Identifier: GPL-2.0-only
 *
 * tree.h - the names of a tree, read without a stat of anything.
 */
#ifndef FIM_TREE_H
#define FIM_TREE_H

#include <dirent.h>

#include "buffer.h"

/* Anybody can make a tree that is deeper than our stack. What lies deeper than this, or
 * has a longer path, is not looked into, and said where it is told what was not. */
#define TREE_DEPTH_MAX 2048
#define TREE_PATH_MAX 65536

struct tree {
	void *context;
	/* Every name, in the open directory `dir`; not 0 ends the walk. */
	int (*name)(void *context, int dir, const struct dirent *d, struct bytes path);
	/* Whether to read the directory at this path. */
	bool (*enter)(void *context, struct bytes path);
	struct buffer path; /* private */
	unsigned int depth; /* private */
};

/* All names below `path`; what cannot be read is left out. */
int tree_walk(struct tree *tree, const char *path);

/* A path grows by a name, and is cut again to the length returned here. */
size_t tree_push(struct buffer *path, const char *name);

#endif
