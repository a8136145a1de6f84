/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_store.h - where the inode table keeps its inodes and names: two arrays
 * of cells that point at each other by number, and an index over each.
 *
 *	node ── first_name ──► link ── next_name ──► link (a hard link)
 *	  └──── first_child ─► link ── next_child ─► link ...
 *
 * Number 0 is no cell.  Freed cells are chained by first_name and next_name.
 * Only inode_table.c and inode_walk.c use this.
 */
#ifndef FIM_INODE_STORE_H
#define FIM_INODE_STORE_H

#include <stdint.h>

#include "arena.h"
#include "bytes.h"
#include "event.h"
#include "slots.h"
#include "traits.h"

#define INODE_FREE 0x80u /* flag of a node that is not in use */

/* An inode. */
struct inode_node {
	uint64_t ino;
	uint32_t dev;
	uint32_t hash;
	uint32_t first_name;
	uint32_t first_child;
	uint64_t flags : 20;
	uint64_t over : 20;  /* anonymous devices have a minor number only */
	uint64_t names : 24; /* how many */
	struct traits traits;
};

/* A name: `child` is called that in `dir`. */
struct inode_link {
	uint32_t dir;
	uint32_t child; /* 0: not in use */
	uint32_t text;  /* in the arena */
	uint32_t hash;
	uint32_t next_name;
	uint32_t prev_name;
	uint32_t next_child;
	uint32_t prev_child;
};

struct inode_store {
	struct inode_node *nodes;
	struct inode_link *links;
	uint32_t node_end, node_room, node_free, node_count;
	uint32_t link_end, link_room, link_free, link_count;
	uint32_t limit; /* less than 1 << 24 */
	struct slots by_id;
	struct slots by_name;
	struct arena texts;
	unsigned char seed[16];
};

int inode_store_init(struct inode_store *store, uint32_t limit,
		     const void *seed);
void inode_store_deinit(struct inode_store *store);
size_t inode_store_memory(const struct inode_store *store);

/* Numbers of cells, 0 when there is none. */
uint32_t inode_store_node(const struct inode_store *store,
			  const struct fim_id *id);
uint32_t inode_store_link(const struct inode_store *store, uint32_t dir,
			  struct bytes name);

struct bytes inode_store_text(const struct inode_store *store, uint32_t link);
struct fim_id inode_store_id(const struct inode_store *store, uint32_t node);

/* The two _add must be given what is not there yet. */
int inode_store_add_node(struct inode_store *store, const struct fim_id *id,
			 uint32_t *ret);
int inode_store_add_link(struct inode_store *store, uint32_t dir,
			 struct bytes name, uint32_t child, uint32_t *ret);
void inode_store_remove_link(struct inode_store *store, uint32_t link);
/* Give a node another identity, which no node has. */
void inode_store_rekey(struct inode_store *store, uint32_t node,
		       const struct fim_id *id);
/* It must have neither names nor children. */
void inode_store_remove_node(struct inode_store *store, uint32_t node);

#endif
