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
 * overlayfs stats the real inode with the mounter's credentials: what is known
 * of an overlay (overlay.c) is learned here, before a key of it is inserted.
 *
 * Since 6.7 that inner stat asks no security hook (Linux kernel commit
 * 8a924db2d7b5 ("fs: Pass AT_GETATTR_NOSEC flag to getattr interface function")
 * (in v6.7)), so vfs_getattr_nosec is attached to as well. By no header can one
 * tell which it is: the flag is gone again (Linux kernel commit 95f567f81e43 ("fs:
 * Simplify getattr interface function checking AT_GETATTR_NOSEC flag")).
 *
 * Linux kernel commit 3f7036a071b8 ("switch security_inode_getattr() to struct
 * path *") (in v4.2): before, the arguments were (mnt, dentry).
 */

fim_inline void fim_try_form(struct fim_merged *parts, __u32 form, struct inode *inode)
{
	__u32 zero = 0;

	if (fim_lower_inode(parts, form) == inode)
		lower_form.update(&zero, &form);
}

/* Of the inode that overlayfs stats for a merged one. */
fim_inline void fim_learn_overlay(struct inode *merged, struct inode *inode, __u64 credentials)
{
	struct fim_merged parts = {};
	__u32 one = 1;

	mounters.update(&credentials, &one);
	FIM_READ(parts, merged + 1);
	fim_try_form(&parts, FIM_LOWER_INODE, inode);
	fim_try_form(&parts, FIM_LOWER_PATH, inode);
	fim_try_form(&parts, FIM_LOWER_ENTRY, inode);
}

/* The identity that a call tells; 0 when it tells none. */
fim_inline int fim_learn_id(struct fim_learned *l, struct inode *inode, struct fim_id *ret)
{
	__u64 credentials = fim_overridden_credentials();
	__u64 magic = fim_inode_own_id(inode, ret);

	if (credentials && !l->merged)
		return 0; // the same again, or the lower one that it was copied from
	if (credentials) {
		fim_learn_overlay((struct inode *)l->merged, inode, credentials);
		ret->over = l->over;
		l->merged = 0;
		return 1;
	}
	l->merged = magic == FIM_OVERLAY_MAGIC ? (__u64)inode : 0;
	l->over = ret->dev;
	return !l->merged;
}

fim_inline int fim_learn(struct dentry *dentry)
{
	__u32 zero = 0;
	struct fim_settings *set = settings.lookup(&zero);
	struct inode *inode = fim_dentry_inode(dentry);
	struct fim_watched *self;
	struct fim_learned *l;
	struct fim_id id = {};
	__u32 generation = 0;
	void *mnt_ns;

	if (!set || set->scanner_tid != (__u32)bpf_get_current_pid_tgid())
		return 0;
	l = learned.lookup(&zero);
	if (!l)
		return 0;
	if (set->serve)
		fim_serve(l);
	self = fim_find(inode, &id);
	if (self)
		self->flags |= set->mark & ~FIM_WATCH_COUNTED;
	else if (set->mark & FIM_WATCH_COUNTED)
		fim_reckon(id.ino, 1); // the monitor may insert it next
	if (!fim_learn_id(l, inode, &id))
		return 0;
	l->slot[l->calls & (FIM_LEARN_SLOTS - 1)] = id;
	FIM_READ(generation, &inode->i_generation);
	l->generation[l->calls & (FIM_LEARN_SLOTS - 1)] = generation;
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
