// SPDX-License-Identifier: GPL-2.0-only
//
// above.c - the directories above what is watched. They are in the hash for
// one thing only: when one is renamed, every path below it is another.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "session_parts.h"
#include "visit.h"

static int watch_one(struct scan *scan, const char *path)
{
	struct fim_id id;
	mode_t mode;
	int error = scan_identify(scan, AT_FDCWD, path, 0, &id, &mode);

	if (error == 0)
		error = scan_insert(scan, &id, FIM_WATCH_ABOVE);
	return error < 0 && error != -ENOENT ? error : 0;
}

int above_watch(struct session *session, const char *path)
{
	char *above = strdup(path), *slash;
	struct scan scan;
	int error = above ? 0 : -ENOMEM;

	visit_prepare(session, NULL, &scan);
	while (error == 0 && (slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		error = watch_one(&scan, above);
	}
	free(above);
	return error;
}

// Where it is now, other directories are above it.
static int watch_again(struct session *session, struct bytes path)
{
	char *copy = strndup(path.data, path.length);
	int error = copy ? session_scan_begin(session) : -ENOMEM;

	if (error == 0) {
		error = above_watch(session, copy);
		session_scan_end(session);
	}
	free(copy);
	return error;
}

void above_renamed(struct session *session, struct bytes from, struct bytes to)
{
	int moved;

	if (!from.data || !to.data)
		return;
	moved = inode_table_move_roots(&session->inodes, from, to);
	if (moved < 0 || roots_renamed(session, from, to) < 0 ||
	    (moved > 0 && watch_again(session, to) < 0))
		emit_error(session, to, "the paths below it may be told wrongly");
}
