/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mount.c - mount, bind, remount, move, pivot_root, umount.
 *
 * security_sb_mount, security_move_mount, security_sb_umount and
 * security_sb_pivotroot run before the act, in every mount namespace. Mounts
 * are rare, and whether one touches what is watched depends on paths: so every
 * act gives a record, and the monitor keeps those that touch a watched path and
 * tells them once the mount table shows that they succeeded.
 *
 * PATH leads up to the namespace's root, PATH2 is the place within the
 * superblock: by it a mount point is found again in any other namespace.
 *
 * mount_setattr(2) asks no security hook. Its record says who and when; what
 * was changed the mount table shows.
 *
 * Cannot see: mounts that end with their namespace.
 */

/* Of mount(2): numbers that cannot change; 3.10 has no header of their own. */
#define FIM_MS_MOVE (1 << 13)
#define FIM_MS_PROPAGATION (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20)

fim_inline int fim_mount_act(struct pt_regs *ctx, __u32 op, struct vfsmount *mnt,
			     struct dentry *point, __u32 flags)
{
	struct inode *inode = fim_dentry_inode(point);
	struct fim_id id = {};
	struct fim_scratch *s = fim_begin(op, fim_find(inode, &id), 0);

	if (!s)
		return 0;
	s->event.flags |= flags;
	if (point == fim_mount_root(mnt))
		s->event.flags |= FIM_EVENT_ON_MOUNT;
	else
		fim_inode_id(fim_dentry_inode(fim_dentry_parent(point)), &s->event.dir);
	fim_fill_file(inode, &s->event.file);
	s->second.dentry = point;
	fim_aim(s, FIM_TEXT_PATH, point, mnt);
	return fim_send(ctx);
}

fim_inline int fim_mount_at(struct pt_regs *ctx, const struct path *at, __u32 flags)
{
	struct path path = {};

	FIM_READ(path, at);
	return fim_mount_act(ctx, FIM_OP_MOUNT, path.mnt, path.dentry, flags);
}

int fim_sb_mount(struct pt_regs *ctx, const char *source, const struct path *path)
{
	unsigned long flags = FIM_FOURTH(ctx);

	if (flags & FIM_MS_PROPAGATION)
		return 0;
	return fim_mount_at(ctx, path, flags & FIM_MS_MOVE ? FIM_EVENT_MOVED : 0);
}

int fim_move_mount(struct pt_regs *ctx, const struct path *from, const struct path *to)
{
	return fim_mount_at(ctx, to, FIM_EVENT_MOVED);
}

fim_inline int fim_umount_act(struct pt_regs *ctx, struct vfsmount *mnt)
{
	struct vfsmount *parent = 0;
	struct dentry *point = 0;

	fim_mount_up(mnt, &parent, &point);
	return fim_mount_act(ctx, FIM_OP_UMOUNT, parent, point, 0);
}

int fim_sb_umount(struct pt_regs *ctx, struct vfsmount *mnt)
{
	return fim_umount_act(ctx, mnt);
}

/* The old root comes to lie on `put_old`; the new one leaves its mount point. */
int fim_pivot_root(struct pt_regs *ctx, const struct path *put_old, const struct path *new_root)
{
	struct path old = {}, new = {};
	struct fim_id id = {};

	FIM_READ(old, put_old);
	FIM_READ(new, new_root);
	if (fim_find(fim_dentry_inode(old.dentry), &id))
		return fim_mount_act(ctx, FIM_OP_MOUNT, old.mnt, old.dentry, FIM_EVENT_MOVED);
	return fim_umount_act(ctx, new.mnt);
}

int fim_mount_setattr(struct pt_regs *ctx)
{
	if (!fim_begin(FIM_OP_MOUNT, 0, 0))
		return 0;
	stages.call(ctx, FIM_STAGE_NEXT);
	fim_count(FIM_COUNTER_STAGE_FAILED);
	return 0;
}
