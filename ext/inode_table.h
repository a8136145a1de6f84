/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_table.h - the monitor's memory of names: which inode has which name
 * in which directory, and so which path.
 *
 *	inode {dev, ino} ──► names: (directory inode, name), ...
 *	                └──► children: the names that are in it
 *
 * A path is a walk up to a root, whose path is fixed text; so a rename of a
 * directory, however large, is one name removed and one added.
 *
 * Invariants
 *   - a name is unique in its directory: adding it for another inode takes it
 *     from the one that had it;
 *   - a file may have several names, a directory has one: adding a second
 *     takes away the first;
 *   - an inode may have no name (unlinked but open, or not told yet) and then
 *     has no path;
 *   - a directory that was never told of is entered without a name when a name
 *     is added in it, and gets its path when its own name comes.
 *
 * An inode of an overlay's layer has one entry for the merged tree and another
 * for the layer's own (fim_id.over), each with the names it has there.
 *
 * Names are 1 to 255 arbitrary bytes, without '/' and NUL.  Memory: 72 bytes an inode, 32 bytes and the text
 * plus one a name, two hash slots of 4 bytes at a load of 0.35 to 0.7.  The
 * hashes are keyed by a secret seed, since names are chosen by the watched.
 * What is freed is used again but not given back before _deinit().
 */
#ifndef FIM_INODE_TABLE_H
#define FIM_INODE_TABLE_H

#include <stdint.h>

#include "bytes.h"
#include "event.h"
#include "inode_store.h"

/* Flags of an inode.  The low byte is the table's, the twelve bits above are
 * the caller's. */
#define INODE_DIR 1u  /* a directory */
#define INODE_ROOT 2u /* has a fixed path: inode_table_set_root() */
#define INODE_FLAGS_OF_TABLE 0xffu

struct inode_table {
	struct inode_store store; /* private */
	struct inode_root *roots; /* private */
	size_t root_count;
	uint64_t refused; /* additions turned down: the cap, or no memory */
};

/* At most `limit` inodes and `limit` names; `seed` is 16 random bytes. */
int inode_table_init(struct inode_table *table, uint32_t limit,
		     const void *seed);
void inode_table_deinit(struct inode_table *table);

/* --- change ---------------------------------------------------------- */

/* Enter an inode, name or not; known already: only `flags` are added to its. */
int inode_table_add(struct inode_table *table, const struct fim_id *id,
		    uint32_t flags);

/* Enter the name `name` of `child` in the directory `dir`; the same again
 * changes nothing.  -ENOSPC at the cap, -ENOMEM (both counted as refused);
 * -EINVAL: no such name can be, or a directory in itself. */
int inode_table_add_name(struct inode_table *table, const struct fim_id *dir,
			 struct bytes name, const struct fim_id *child,
			 bool is_dir);

/* Take away a name, if it is `child`'s; whether it was. `child` stays. */
bool inode_table_remove_name(struct inode_table *table,
			     const struct fim_id *dir, struct bytes name,
			     const struct fim_id *child);

/* What is known of `id` is from now on known of `as`.  -ENOENT: nothing is;
 * -EEXIST: something is known of `as` already. */
int inode_table_rekey(struct inode_table *table, const struct fim_id *id,
		      const struct fim_id *as);

/* Make `id` a root, or give the root another path: absolute, without a slash
 * at its end unless it is "/".  `flags` are added.  A root in another root has
 * its own fixed path. */
int inode_table_set_root(struct inode_table *table, const struct fim_id *id,
			 struct bytes path, uint32_t flags);

/* A directory above roots was renamed: those at or below the path `from` are at
 * or below `to` now. Returns how many, or -ENOMEM. */
int inode_table_move_roots(struct inode_table *table, struct bytes from, struct bytes to);

/* It is no root any more; it keeps its names. */
void inode_table_unset_root(struct inode_table *table, const struct fim_id *id);

/* Set and clear flags that are the caller's. -ENOENT. */
int inode_table_set_flags(struct inode_table *table, const struct fim_id *id,
			  uint32_t set, uint32_t clear);

/* Remember this of it. -ENOENT. */
int inode_table_set_traits(struct inode_table *table, const struct fim_id *id,
			   const struct traits *traits);

/* Drop an inode and its names.  The names in a directory go with it, the
 * inodes that had them stay. */
bool inode_table_forget(struct inode_table *table, const struct fim_id *id);

/* Drop an inode, and everything below it that has no name elsewhere and is no
 * root.  `dropped` (may be NULL) gets each id with its flags and must not touch
 * the table.  Returns how many. */
typedef void inode_dropped(void *context, const struct fim_id *id,
			   uint32_t flags);
size_t inode_table_forget_tree(struct inode_table *table,
			       const struct fim_id *id, inode_dropped *dropped,
			       void *context);

/* --- ask ------------------------------------------------------------- */

uint32_t inode_table_count(const struct inode_table *table);

/* How many bytes are allocated. */
size_t inode_table_memory(const struct inode_table *table);

/* Whether `id` is known, and its flags in `ret` (may be NULL). */
bool inode_table_known(const struct inode_table *table, const struct fim_id *id,
		       uint32_t *ret);

/* What is remembered of it, until the table changes; NULL: nothing. */
const struct traits *inode_table_traits(const struct inode_table *table,
					const struct fim_id *id);

/* The inode that has this name. */
bool inode_table_find(const struct inode_table *table, const struct fim_id *dir,
		      struct bytes name, struct fim_id *ret);

/* The inode that has this path: an absolute one, without a slash at its end. */
bool inode_table_at(const struct inode_table *table, struct bytes path, struct fim_id *ret);

/* How many names are known; 0 also for an unknown inode. */
uint32_t inode_table_name_count(const struct inode_table *table,
				const struct fim_id *id);

/* Paths are written from the end of `buffer`, with a NUL behind; `ret` points
 * into it.  INODE_PATH_SIZE holds every path that a system call could take.
 * -ENOENT: unknown, or an ancestor is, or has no name; -ENAMETOOLONG: longer
 * than `size`; -ELOOP: the names go in a circle (what we were told was wrong). */
#define INODE_PATH_SIZE 4352

/* The path of an inode; of several names, the one added last. */
int inode_table_path(const struct inode_table *table, const struct fim_id *id,
		     char *buffer, size_t size, struct bytes *ret);

/* The path of `tail` in a directory.  `tail` need not be a known name and may
 * be several ("b/leaf"): this completes a walk that was cut. */
int inode_table_path_in(const struct inode_table *table,
			const struct fim_id *dir, struct bytes tail,
			char *buffer, size_t size, struct bytes *ret);

/* Each name of an inode, in no order; the table must not change meanwhile:
 *
 *	struct inode_cursor cursor = inode_table_names(table, id);
 *	while (inode_table_next_name(table, &cursor, &dir, &name))
 *		inode_table_path_in(table, &dir, name, ...);
 */
struct inode_cursor {
	uint32_t next;
};
struct inode_cursor inode_table_names(const struct inode_table *table,
				      const struct fim_id *id);
bool inode_table_next_name(const struct inode_table *table,
			   struct inode_cursor *cursor, struct fim_id *dir,
			   struct bytes *ret);

/* Each name in a directory, in the same way. */
struct inode_cursor inode_table_children(const struct inode_table *table,
					 const struct fim_id *dir);
bool inode_table_next_child(const struct inode_table *table,
			    struct inode_cursor *cursor, struct fim_id *child,
			    struct bytes *ret);

/* Each inode; start with {0}.  The table may change meanwhile: what was there
 * throughout comes once. */
bool inode_table_next(const struct inode_table *table,
		      struct inode_cursor *cursor, struct fim_id *id,
		      uint32_t *flags);

#endif
