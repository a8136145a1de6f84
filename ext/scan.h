/* SPDX-License-Identifier: GPL-2.0-only
 *
 * scan.h - walk a tree and put every inode of it in the hash: keys first,
 * contents after.
 *
 * For every directory: its key goes in with the inherit flag, then it is read,
 * then its children's keys go in without overwriting what the kernel inherited
 * meanwhile. What appears before the key is found by the reading, what appears
 * after by the hooks: there is no moment in between.
 *
 * The identity that goes in is the one the kernel uses, learned from what
 * fim_getattr_* (bpf_c/identity.c) saw below the scanner's own stat; where it
 * saw nothing, stat's, and that is counted.
 */
#ifndef FIM_SCAN_H
#define FIM_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "buffer.h"
#include "bytes.h"
#include "event.h"

struct scan_entry {
	const struct fim_id *dir; /* NULL: the top of the scan */
	struct bytes name;
	struct bytes path; /* valid during the call that tells of it */
	struct fim_id id;
	mode_t mode;
	const struct stat *st; /* valid as long as `path` */
	bool subvolume; /* id.over is a subvolume's device, not an overlay's */
	uint32_t generation; /* 0 not known */
	bool inserted; /* it was not in the hash before */
};

struct scan {
	int watched; /* maps */
	int learned;
	struct absent *absent; /* NULL: nothing is inserted */
	void *context;
	/* Every inode, a directory before what is in it. Not 0 ends the scan. */
	int (*entry)(void *context, const struct scan_entry *entry);
	/* Flags (enum fim_watch_flag) for its key beside those of its type; NULL: none. */
	uint32_t (*flags)(void *context, const struct fim_id *id);
	/* The blind spots that its key bears, by its path; NULL: none. */
	uint32_t (*spots)(void *context, struct bytes path);
	/* Whether to look at it at all: asked by its path before any stat, since a
	 * stat of a mount point whose server is gone never returns. */
	bool (*enter)(void *context, const struct scan_entry *entry);
	/* What could not be looked at: -errno. */
	void (*unreadable)(void *context, const struct scan_entry *entry, int error);
	/* Called every SCAN_PUMP entries: the rings must not fill meanwhile. */
	int (*pump)(void *context);

	uint32_t over;      /* overlay whose own entry is in the hash */
	uint32_t bears;     /* the blind spots of what is inserted next */
	uint32_t fresh;     /* flags of a key that was not there */
	bool subvolume;     /* the last one identified is in one */
	struct buffer path; /* private: of what is being looked at */
	unsigned int depth; /* private: directories that it is in */
	struct stat st;     /* private: the last */
	uint64_t calls;     /* fim_learned.calls when last read */
	uint64_t scanned;   /* inodes */
	uint64_t unlearned; /* identities taken from stat */
	uint32_t generation; /* of the last one identified, 0 not known */
	bool uncounted;     /* so is its slot (absent.h) */
};

#define SCAN_PUMP 128

/* The identity and mode of `name` at the directory `at`; with AT_EMPTY_PATH of
 * `at` itself. The last component is not followed if it is a link. -errno */
int scan_identify(struct scan *scan, int at, const char *name, int flags,
		  struct fim_id *ret, mode_t *mode);

/* The identity that the kernel saw this thread stat since the last call; false:
 * it saw none. */
bool scan_learn(struct scan *scan, struct fim_id *ret);

/* The key of an identity in the hash. */
struct fim_id scan_key(const struct fim_id *id);

/* Put one key in, and that of its overlay. 1 it is new, 0 it was there, -ENOSPC
 * the hash is full. */
int scan_insert(struct scan *scan, const struct fim_id *id, uint32_t flags);

/* That of an overlay alone. */
int scan_insert_overlay(struct scan *scan, uint32_t over);

/* Walk the tree at `path`, which may be anything but a symbolic link to be
 * followed. -ENOSPC: the hash is full. */
int scan_tree(struct scan *scan, const char *path);

/* The kernel's dev_t of a stat's. */
uint32_t scan_kernel_dev(dev_t dev);

#endif
