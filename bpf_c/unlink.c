/* SPDX-License-Identifier: GPL-2.0-only
 *
 * unlink.c - unlink and rmdir, and the end of an inode.
 *
 * d_delete(dentry) runs only after the file system has removed the name; the
 * dentry still has its name, parent and inode, and the link count has dropped.
 *
 * clear_inode(inode) runs in every file system's eviction before the inode
 * number can be given out again: the only moment at which the key of a removed
 * inode can be dropped without losing writes to a file that is deleted and
 * open, and without taking the key of a new file with the same number. Not on
 * btrfs, where a file of another subvolume can have that key; numbers are not
 * given out again there, and the monitor drops it.
 *
 * Cannot see: names removed by the server of a network file system, and NFS's
 * renaming of an open file in place of its removal.
 */

int fim_d_delete(struct pt_regs *ctx, struct dentry *dentry)
{
	struct inode *inode = fim_dentry_inode(dentry);
	struct inode *dir = fim_dentry_inode(fim_dentry_parent(dentry));
	struct fim_id id = {}, dir_id = {};
	struct fim_watched *self, *parent;
	struct fim_scratch *s;

	if (fim_is_absent(inode) && fim_is_absent(dir))
		return 0;
	self = fim_find(inode, &id);
	parent = fim_find(dir, &dir_id);
	if (!fim_either(self, parent) || fim_underneath(&dir_id))
		return 0;
	s = fim_begin(S_ISDIR(fim_inode_mode(inode)) ? FIM_OP_RMDIR : FIM_OP_UNLINK,
		      self, parent);
	if (!s)
		return 0;
	s->event.dir = dir_id;
	fim_fill_file(inode, &s->event.file);
	fim_aim(s, FIM_TEXT_PATH, dentry, 0);
	return fim_send(ctx);
}

int fim_clear_inode(struct pt_regs *ctx, struct inode *inode)
{
	struct fim_id id = {}, own = {};
	struct fim_watched *entry;
	unsigned int nlink = 1;
	__u32 counted;

	FIM_READ(nlink, &inode->i_nlink);
	if (nlink || fim_is_absent(inode))
		return 0;
	entry = fim_find_any(inode, &id);
	if (!entry || fim_inode_own_id(inode, &own) == FIM_BTRFS_MAGIC)
		return 0;
	counted = entry->flags & FIM_WATCH_COUNTED;
	id.over = 0;
	if (!watched.delete(&id) && counted)
		fim_reckon(id.ino, -1);
	fim_count(FIM_COUNTER_REMOVED);
	return 0;
}
