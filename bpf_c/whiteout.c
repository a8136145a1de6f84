/* SPDX-License-Identifier: GPL-2.0-only
 *
 * whiteout.c - renameat2(RENAME_WHITEOUT): a device 0:0 is left at the old name.
 *
 * The file systems make it by themselves within ->rename, and most give it no
 * dentry there, so that no hook of a creation fires. But they all set it up by
 * init_special_inode(inode, mode, rdev), which is called for devices, fifos and
 * sockets alone. A character device 0:0 for which no mknod(2) asked is remembered,
 * and d_move of the same thread tells of it with the rename.
 *
 * Cannot see: one left by a thread whose mknod(2) of such a device has failed
 * within the second before.
 */

#define FIM_ASKED_NS 1000000000ull  /* from security_inode_mknod to the inode */
#define FIM_LEFT_NS 60000000000ull /* from the inode to d_move */

fim_inline int fim_is_whiteout(umode_t mode, dev_t rdev)
{
	return (mode & S_IFMT) == S_IFCHR && !rdev;
}

/* mknod(2) is about to make one. */
fim_inline void fim_whiteout_asked(umode_t mode, dev_t rdev)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_whiteout asked = {};

	if (!fim_is_whiteout(mode, rdev))
		return;
	asked.time = bpf_ktime_get_ns();
	whiteouts.update(&thread, &asked);
}

int fim_special_inode(struct pt_regs *ctx, struct inode *inode, umode_t mode, dev_t rdev)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_whiteout made = {}, *asked;

	if (!fim_is_whiteout(mode, rdev))
		return 0;
	made.time = bpf_ktime_get_ns();
	asked = whiteouts.lookup(&thread);
	if (!asked || asked->inode || made.time - asked->time > FIM_ASKED_NS)
		made.inode = inode;
	if (whiteouts.update(&thread, &made))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

/* The one that this thread has made in place of the name `left`, or 0. What overlayfs
 * leaves in its upper layer is on another file system than the merged file, and has a
 * name there; what a rename leaves has none yet, or (tmpfs) that one. */
fim_inline struct inode *fim_whiteout_made(__u64 now, struct dentry *left)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_whiteout *made = whiteouts.lookup(&thread);
	struct super_block *sb = 0, *moved_sb = 0;
	struct inode *inode = 0;
	struct dentry *name;
	umode_t mode = 0;
	dev_t rdev = 0;

	if (!made)
		return 0;
	if (now - made->time < FIM_LEFT_NS)
		inode = made->inode;
	whiteouts.delete(&thread);
	if (!inode)
		return 0;
	name = fim_inode_alias(inode);
	if (name && fim_dentry_parent(name) != fim_dentry_parent(left))
		return 0;
	FIM_READ(mode, &inode->i_mode);
	FIM_READ(rdev, &inode->i_rdev);
	FIM_READ(sb, &inode->i_sb);
	FIM_READ(moved_sb, &fim_dentry_inode(left)->i_sb);
	return sb == moved_sb && fim_is_whiteout(mode, rdev) ? inode : 0;
}
