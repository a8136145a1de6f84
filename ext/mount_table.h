/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mount_table.h - what is mounted where in one mount namespace, as
 * /proc/PID/mountinfo tells it: from a path within a superblock to a path of
 * the host, and which mounts a watch enters.
 *
 * The table is a snapshot: read it anew when the mounts change (poll(2) of
 * mountinfo gives POLLPRI), and compare.  All texts live in the table, decoded, each
 * with a NUL behind.
 */
#ifndef FIM_MOUNT_TABLE_H
#define FIM_MOUNT_TABLE_H

#include <stdint.h>

#include "bytes.h"

enum mount_kind {
	MOUNT_LOCAL,
	MOUNT_PSEUDO,  /* no files of anybody: proc, sysfs, cgroup ... */
	MOUNT_NETWORK, /* changed by other machines, may hang */
	MOUNT_FUSE,    /* served by a process, may hang */
	MOUNT_AUTOFS,  /* looking at it mounts it */
};

struct mount {
	uint32_t id;
	uint32_t parent; /* id of the mount it is on */
	uint32_t dev;    /* the kernel's dev_t: 12 bits major, 20 bits minor */
	enum mount_kind kind;
	struct bytes root;  /* path within the superblock that is mounted */
	struct bytes point; /* path in the namespace it is mounted at */
	struct bytes options; /* of the mount: "ro,nosuid" */
	struct bytes type;
	struct bytes source;
	struct bytes super; /* options of the superblock */
};

struct mount_table {
	struct mount *mounts; /* in the order of mountinfo */
	size_t count;
	size_t malformed; /* lines not understood */
	const struct mount **by_point; /* private */
	char *text;                    /* private */
};

/* `path` is "/proc/self/mountinfo" or another process's. -errno of reading. */
int mount_table_init(struct mount_table *table, const char *path);
/* The same from text. -ENOMEM. */
int mount_table_init_text(struct mount_table *table, struct bytes text);
void mount_table_deinit(struct mount_table *table);

/* Whether it is one that a watch enters, by the type's name. */
enum mount_kind mount_kind_of(struct bytes type);
/* "local", "pseudo", "network", "fuse", "autofs" */
const char *mount_kind_word(enum mount_kind kind);
/* Why a watch does not enter one, for people; NULL: it does. */
const char *mount_not_entered(enum mount_kind kind);

/* How many mounts show this superblock (the kernel's dev_t). */
size_t mount_table_of_dev(const struct mount_table *table, uint32_t dev);

/* The mount that an absolute path of the namespace ends in, as path resolution
 * finds it: a mount that another one covers is not seen.  NULL: none. */
const struct mount *mount_table_at(const struct mount_table *table,
				   struct bytes path);

/* The mount of `table` that is the same one: by its id and what it shows.  Where
 * it is mounted may differ, and its options.  NULL: none.  Tables are alike, so
 * that a search begins at `*hint` and leaves it behind what was found. */
const struct mount *mount_table_same(const struct mount_table *table,
				     const struct mount *mount, size_t *hint);

/* The last mount that lies on the place `inside` of the superblock `dev`, NULL
 * when none does.  `buffer` is scratch. */
const struct mount *mount_table_covering(const struct mount_table *table,
					 uint32_t dev, struct bytes inside, char *buffer, size_t size);

/* The mount whose mount point is exactly this path. NULL: it is none. */
const struct mount *mount_table_on(const struct mount_table *table,
				   struct bytes path);

/* The path in the namespace of `inside`, an absolute path within the
 * superblock `dev`.  Returns how many paths lead there (one for each mount of
 * it that shows it and is not covered there): 0 none, 1 the only one, more
 * means that `ret` is a guess, through the mount with the longest root and of
 * those the first.  `buffer` is filled from its end, with a NUL behind; `ret`
 * points into it.  -ENAMETOOLONG. */
int mount_table_path(const struct mount_table *table, uint32_t dev,
		     struct bytes inside, char *buffer, size_t size,
		     struct bytes *ret);

/* Of two `const struct mount *`, for the order of by_point. */
int mount_compare_points(const void *a, const void *b);

/* Whether `path` is `top` or lies below it. */
bool path_is_below(struct bytes path, struct bytes top);

#endif
