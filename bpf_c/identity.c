/* SPDX-License-Identifier: GPL-2.0-only
 *
 * identity.c - what the kernel calls an inode that the scanner stats.
 *
 * stat(2) does not always tell: overlayfs and btrfs show numbers of their own.
 * security_inode_getattr runs below every stat and sees the inode itself. It
 * answers to one thread only and is attached only while a scan is going on. It
 * can mark what it sees; an update of the hash from outside could not, since
 * that would take back the count of modifications.
 *
 * Linux kernel commit 3f7036a071b8 ("switch security_inode_getattr() to struct
 * path *") (in v4.2): before, the arguments were (mnt, dentry).
 */

fim_inline int fim_learn(struct dentry *dentry)
{
	__u32 zero = 0;
	struct fim_settings *set = settings.lookup(&zero);
	struct fim_watched *self;
	struct fim_learned *l;
	struct fim_id id = {};
	void *mnt_ns;

	if (!set || set->scanner_tid != (__u32)bpf_get_current_pid_tgid())
		return 0;
	l = learned.lookup(&zero);
	if (!l)
		return 0;
	self = fim_find(fim_dentry_inode(dentry), &id);
	if (self)
		self->flags |= set->mark;
	l->slot[l->calls & (FIM_LEARN_SLOTS - 1)] = id;
	mnt_ns = fim_task_mnt_ns((struct task_struct *)bpf_get_current_task());
	bpf_probe_read(l->mnt_ns, sizeof(l->mnt_ns), mnt_ns);
	l->calls++;
	return 0;
}

int fim_getattr_path(struct pt_regs *ctx, const struct path *path)
{
	struct dentry *dentry = 0;

	FIM_READ(dentry, &path->dentry);
	return fim_learn(dentry);
}

int fim_getattr_dentry(struct pt_regs *ctx, struct vfsmount *mnt, struct dentry *dentry)
{
	return fim_learn(dentry);
}
