/* SPDX-License-Identifier: GPL-2.0-only
 *
 * attribute.c - truncate, chmod, chown, utimes, setxattr, removexattr, setflags.
 *
 * security_inode_setattr(dentry, iattr) remembers what the inode is before;
 * evm_inode_post_setattr and, where there is one, security_inode_post_setattr
 * run after success and say which attributes were set: one act of the kernel
 * can be several operations, such as a chown that takes the set-uid bit.
 * Extended attributes have hooks of their own after success, and since v6.2
 * others for POSIX ACLs.
 *
 * File flags have none. An ioctl that sets them passes security_file_ioctl, and
 * when it is over mnt_drop_write_file, in the same thread with the same file;
 * by the inode's flags and ctime the monitor sees whether it succeeded.
 * Where a kernel has none of these, see answer.c.
 *
 * Cannot see: a file system's own ioctls that change attributes, the
 * capabilities that a write takes from an executable.
 */

#define FIM_SETFLAGS 0x40086602   /* FS_IOC_SETFLAGS */
#define FIM_SETFLAGS32 0x40046602 /* FS_IOC32_SETFLAGS */
#define FIM_FSSETXATTR 0x401c5820 /* FS_IOC_FSSETXATTR */
#define FIM_VERITY 0x40806685     /* FS_IOC_ENABLE_VERITY */

fim_inline int fim_remember(void *object, struct inode *inode)
{
	struct fim_before before = {};
	struct fim_id id = {};
	__u64 thread;

	if (fim_is_absent(inode) || !fim_find(inode, &id) || fim_underneath(&id))
		return 0;
	before.object = (__u64)object;
	fim_fill_file(inode, &before.file);
	thread = bpf_get_current_pid_tgid();
	if (befores.update(&thread, &before))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

int fim_setattr(struct pt_regs *ctx, struct dentry *dentry)
{
	return fim_remember(dentry, fim_dentry_inode(dentry));
}

int fim_setattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry)
{
	return fim_remember(dentry, fim_dentry_inode(dentry));
}

/* Whether this thread remembers `object`, and what; forgotten by that. A copy,
 * since LLVM makes arithmetic of a choice between pointers. */
fim_inline int fim_recall(void *object, struct fim_before *ret)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_before *before = befores.lookup(&thread);

	if (!before || before->object != (__u64)object)
		return 0;
	*ret = *before;
	befores.delete(&thread);
	return 1;
}

fim_inline void fim_tell_before(struct fim_scratch *s, struct fim_before *before)
{
	s->event.other = before->file;
	s->event.flags |= FIM_EVENT_BEFORE;
}

/* The operations in a set of ATTR_* flags, as bits. Times that a truncation
 * sets are no utimes. */
fim_inline __u32 fim_setattr_operations(unsigned int valid)
{
	__u32 operations = 0;

	if (valid & ATTR_SIZE)
		operations |= 1 << FIM_OP_TRUNCATE;
	if (valid & ATTR_MODE)
		operations |= 1 << FIM_OP_CHMOD;
	if (valid & (ATTR_UID | ATTR_GID))
		operations |= 1 << FIM_OP_CHOWN;
	if (valid & (ATTR_ATIME | ATTR_MTIME) && !(valid & ATTR_SIZE))
		operations |= 1 << FIM_OP_UTIMES;
	return operations;
}

fim_inline int fim_attributes_set(struct pt_regs *ctx, struct dentry *dentry,
				  unsigned int valid)
{
	__u32 operations = fim_setattr_operations(valid);
	struct inode *inode = fim_dentry_inode(dentry);
	struct fim_before before = {};
	struct fim_id id = {};
	struct fim_watched *self;
	struct fim_scratch *s;
	int recalled;

	if (!operations || fim_is_absent(inode))
		return 0;
	self = fim_find(inode, &id);
	if (!self || fim_underneath(&id))
		return 0;
	recalled = fim_recall(dentry, &before);
	// O_TRUNC of what is empty changes nothing.
	if (valid & ATTR_OPEN && recalled && !before.file.size)
		return 0;
	operations = fim_wanted(operations, self);
	if (!operations)
		return 0;
	s = fim_begin(fim_take_operation(&operations), self, 0);
	if (!s)
		return 0;
	s->second.more = operations;
	if (recalled)
		fim_tell_before(s, &before);
	return fim_send_dentry(ctx, s, dentry, inode);
}

int fim_post_setattr(struct pt_regs *ctx, struct dentry *dentry, unsigned int valid)
{
	return fim_attributes_set(ctx, dentry, valid);
}

int fim_post_setattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			   unsigned int valid)
{
	return fim_attributes_set(ctx, dentry, valid);
}

fim_inline int fim_xattr_act(struct pt_regs *ctx, __u32 op, struct dentry *dentry,
			     const char *name, const void *value, __u64 bytes, __u32 flags)
{
	struct inode *inode = fim_dentry_inode(dentry);
	struct fim_id id = {};
	struct fim_watched *self;
	struct fim_scratch *s;

	if (fim_is_absent(inode))
		return 0;
	self = fim_find(inode, &id);
	if (!self || fim_underneath(&id))
		return 0;
	s = fim_begin_change(op, self);
	if (!s)
		return 0;
	s->second.target = name;
	s->second.value = value;
	s->event.count = bytes;
	s->event.flags |= flags;
	return fim_send_dentry(ctx, s, dentry, inode);
}

/* Where its value is not known, or there is none. */
fim_inline int fim_xattr_changed(struct pt_regs *ctx, __u32 op, struct dentry *dentry,
				 const char *name)
{
	return fim_xattr_act(ctx, op, dentry, name, 0, 0, 0);
}

int fim_post_setxattr(struct pt_regs *ctx, struct dentry *dentry, const char *name,
		      const void *value)
{
	return fim_xattr_act(ctx, FIM_OP_SETXATTR, dentry, name, value, FIM_FOURTH(ctx), 0);
}

int fim_post_set_acl(struct pt_regs *ctx, struct dentry *dentry, const char *name,
		     struct posix_acl *acl)
{
	unsigned int entries = 0;

	FIM_READ(entries, (void *)acl + offsetof(struct posix_acl, a_count));
	return fim_xattr_act(ctx, FIM_OP_SETXATTR, dentry, name,
			     (void *)acl + offsetof(struct posix_acl, a_entries),
			     entries * sizeof(struct posix_acl_entry), FIM_EVENT_ACL);
}

#define FIM_SYSTEM_P 0x702e6d6574737973ull /* system.p */
#define FIM_OSIX_ACL 0x6c63615f7869736full /* osix_acl */

/* EVM's own hook is called for every attribute; ACLs pass no other from 6.2 to 6.8, and
 * it has no value of them. */
int fim_evm_post_set_acl(struct pt_regs *ctx, struct dentry *dentry, const char *name)
{
	__u64 start[2] = {};

	FIM_READ(start, name);
	if (start[0] != FIM_SYSTEM_P || start[1] != FIM_OSIX_ACL)
		return 0;
	return fim_xattr_changed(ctx, FIM_OP_SETXATTR, dentry, name);
}

int fim_post_removexattr(struct pt_regs *ctx, struct dentry *dentry, const char *name)
{
	return fim_xattr_changed(ctx, FIM_OP_REMOVEXATTR, dentry, name);
}

int fim_post_remove_acl(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			const char *name)
{
	return fim_xattr_changed(ctx, FIM_OP_REMOVEXATTR, dentry, name);
}

fim_inline int fim_is_setflags(unsigned int cmd)
{
	return cmd == FIM_SETFLAGS || cmd == FIM_SETFLAGS32 || cmd == FIM_FSSETXATTR ||
	       cmd == FIM_VERITY;
}

int fim_file_ioctl(struct pt_regs *ctx, struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dentry *dentry = 0;

	if (fim_is_loop(cmd))
		return fim_loop_ioctl(ctx, file, cmd, arg);
	if (!fim_is_setflags(cmd))
		return 0;
	FIM_READ(dentry, &file->f_path.dentry);
	return fim_remember(file, fim_dentry_inode(dentry));
}

int fim_drop_write_file(struct pt_regs *ctx, struct file *file)
{
	struct fim_before before = {};
	struct path path = {};
	struct inode *inode;
	struct fim_id id = {};
	struct fim_watched *self;
	struct fim_scratch *s;

	if (!fim_recall(file, &before))
		return 0;
	FIM_READ(path, &file->f_path);
	inode = fim_dentry_inode(path.dentry);
	self = fim_find(inode, &id);
	if (!self)
		return 0;
	s = fim_begin_change(FIM_OP_SETFLAGS, self);
	if (!s)
		return 0;
	fim_tell_before(s, &before);
	return fim_send_path(ctx, s, &path, inode);
}
