/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_root.h - the inodes of the table whose path is fixed text: what was asked
 * for, and directories with other names of watched files.  An array in the order
 * of their nodes.  Only inode_table.c and inode_walk.c use it.
 */
#ifndef FIM_INODE_ROOT_H
#define FIM_INODE_ROOT_H

#include "inode_table.h"

struct inode_root {
	char *path;
	size_t length;
	uint32_t node;
};

int inode_root_set(struct inode_table *table, uint32_t node,
		   struct bytes path);
/* No-op for a node that is no root. */
void inode_root_drop(struct inode_table *table, uint32_t node);
void inode_root_drop_all(struct inode_table *table);
/* inode_table_move_roots() */
int inode_root_move(struct inode_table *table, struct bytes from, struct bytes to);
struct bytes inode_root_path(const struct inode_table *table, uint32_t node);

#endif
