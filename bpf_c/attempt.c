/* SPDX-License-Identifier: GPL-2.0-only
 *
 * attempt.c - acts that fail, for those who ask for them (--attempts). Joined and
 * attached only then.
 *
 * No function of the kernel is called on failure alone. So the entry of an act on
 * something watched, above the permission checks that can refuse it, notes what
 * was begun, a later one of the same system call in the place of an earlier; the
 * tracepoint at the system call's end (sys_exit.c) makes the record if an error is
 * returned, and forgets it in any case.
 *
 *	open     inode_permission, by MAY_OPEN, execution too; only the inode is known
 *	names    security_path_*, which know the name; else vfs_*, with the same
 *		 arguments until 5.12
 *	others   notify_change, vfs_truncate, vfs_setxattr, security_file_ioctl ...
 *
 * Cannot see: what is refused before the file is known (a directory that may not
 * be searched, a name that exists already, most of a read-only mount); O_TMPFILE;
 * what io_uring does, whose errors no system call returns; what kernel threads do
 * for others (nfsd).
 */
_Static_assert(offsetof(struct dentry, d_name) - offsetof(struct dentry, d_parent) ==
	       offsetof(struct fim_named, hash) &&
	       offsetof(struct dentry, d_inode) - offsetof(struct dentry, d_parent) ==
	       offsetof(struct fim_named, inode), "d_parent, d_name and d_inode have moved apart");

fim_inline void fim_read_named(struct dentry *dentry, struct fim_named *ret)
{
	bpf_probe_read(ret, sizeof(*ret), &dentry->d_parent);
}

fim_inline int fim_note(struct fim_attempt *attempt)
{
	__u64 thread = bpf_get_current_pid_tgid();

	attempt->start = fim_task_start((struct task_struct *)bpf_get_current_task());
	fim_read_named(attempt->dentry, &attempt->name);
	if (attempt->dentry2)
		fim_read_named(attempt->dentry2, &attempt->name2);
	if (attempts.update(&thread, attempt))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

fim_inline int fim_try(__u32 op, struct dentry *dentry, struct dentry *dentry2)
{
	struct fim_attempt attempt = {};

	attempt.op = op;
	attempt.dentry = dentry;
	attempt.dentry2 = dentry2;
	return fim_note(&attempt);
}

/* Of an act on the inode itself. */
fim_inline int fim_try_inode(__u32 op, struct dentry *dentry, const char *xattr)
{
	struct fim_attempt attempt = {};
	struct fim_id id = {};

	if (!fim_find(fim_dentry_inode(dentry), &id) || fim_underneath(&id))
		return 0;
	attempt.op = op;
	attempt.dentry = dentry;
	if (xattr)
		bpf_probe_read_str(attempt.xattr, sizeof(attempt.xattr), xattr);
	return fim_note(&attempt);
}

/* Reading and writing without opening is asked for of a file that is to be
 * linked to, where such are protected (fs.protected_hardlinks). An execution that
 * fails otherwise than for want of rights was opened well. */
fim_inline int fim_try_access(struct inode *inode, int mask)
{
	int link = mask == (MAY_READ | MAY_WRITE);
	struct fim_attempt attempt = {};
	struct fim_id id = {};

	if (!link && !(mask & MAY_OPEN))
		return 0;
	if (!fim_find(inode, &id) || fim_underneath(&id))
		return 0;
	attempt.op = link ? FIM_OP_LINK : FIM_OP_OPEN;
	attempt.only = mask & MAY_EXEC ? EACCES : 0;
	attempt.dentry = fim_inode_alias(inode);
	return attempt.dentry ? fim_note(&attempt) : 0;
}

int fim_try_open(struct pt_regs *ctx, struct inode *inode, int mask)
{
	return fim_try_access(inode, mask);
}

int fim_try_open_idmap(struct pt_regs *ctx, void *idmap, struct inode *inode, int mask)
{
	return fim_try_access(inode, mask);
}

fim_inline int fim_try_name(__u32 op, struct dentry *dentry)
{
	struct fim_id id = {}, dir_id = {};
	struct fim_watched *self = fim_find(fim_dentry_inode(dentry), &id);
	struct fim_watched *parent = fim_find(fim_dentry_inode(fim_dentry_parent(dentry)), &dir_id);

	if (!fim_either(self, parent) || fim_underneath(&dir_id))
		return 0;
	return fim_try(op, dentry, 0);
}

/* open(2) with O_CREAT comes here as well, and mknod(2) of a regular file. */
int fim_try_mknod(struct pt_regs *ctx, void *dir, struct dentry *dentry, unsigned int mode)
{
	return fim_try_name(S_ISREG(mode) || !(mode & S_IFMT) ? FIM_OP_CREATE : FIM_OP_MKNOD,
			    dentry);
}

int fim_try_mkdir(struct pt_regs *ctx, void *dir, struct dentry *dentry)
{
	return fim_try_name(FIM_OP_MKDIR, dentry);
}

int fim_try_symlink(struct pt_regs *ctx, void *dir, struct dentry *dentry)
{
	return fim_try_name(FIM_OP_SYMLINK, dentry);
}

int fim_try_unlink(struct pt_regs *ctx, void *dir, struct dentry *dentry)
{
	return fim_try_name(FIM_OP_UNLINK, dentry);
}

int fim_try_rmdir(struct pt_regs *ctx, void *dir, struct dentry *dentry)
{
	return fim_try_name(FIM_OP_RMDIR, dentry);
}

int fim_try_link(struct pt_regs *ctx, struct dentry *existing, void *dir, struct dentry *dentry)
{
	struct fim_id id = {}, dir_id = {};
	struct fim_watched *self = fim_find(fim_dentry_inode(existing), &id);
	struct fim_watched *parent = fim_find(fim_dentry_inode(fim_dentry_parent(dentry)), &dir_id);

	if (!fim_either(self, parent) || fim_underneath(&dir_id))
		return 0;
	return fim_try(FIM_OP_LINK, dentry, existing);
}

int fim_try_rename(struct pt_regs *ctx, void *dir, struct dentry *dentry, void *dir2)
{
	struct dentry *target = (struct dentry *)FIM_FOURTH(ctx);
	struct fim_id id = {}, over_id = {}, dir_id = {}, dir2_id = {};
	struct fim_watched *from, *to, *self, *over;

	from = fim_find(fim_dentry_inode(fim_dentry_parent(dentry)), &dir_id);
	to = fim_find(fim_dentry_inode(fim_dentry_parent(target)), &dir2_id);
	self = fim_find(fim_dentry_inode(dentry), &id);
	over = fim_find(fim_dentry_inode(target), &over_id);
	if ((!fim_either(from, to) && !fim_either(self, over)) || fim_underneath(&dir_id))
		return 0;
	return fim_try(FIM_OP_RENAME, dentry, target);
}

int fim_try_truncate(struct pt_regs *ctx, struct path *path)
{
	struct dentry *dentry = 0;

	FIM_READ(dentry, &path->dentry);
	return fim_try_inode(FIM_OP_TRUNCATE, dentry, 0);
}

/* Of several operations the first: one failed act is one record. */
fim_inline int fim_try_attributes(struct dentry *dentry, struct iattr *attributes)
{
	unsigned int valid = 0;
	__u32 operations;

	FIM_READ(valid, &attributes->ia_valid);
	operations = fim_setattr_operations(valid);
	return operations ? fim_try_inode(fim_take_operation(&operations), dentry, 0) : 0;
}

int fim_try_setattr(struct pt_regs *ctx, struct dentry *dentry, struct iattr *attributes)
{
	return fim_try_attributes(dentry, attributes);
}

int fim_try_setattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			  struct iattr *attributes)
{
	return fim_try_attributes(dentry, attributes);
}

int fim_try_setxattr(struct pt_regs *ctx, struct dentry *dentry, const char *name)
{
	return fim_try_inode(FIM_OP_SETXATTR, dentry, name);
}

int fim_try_setxattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			   const char *name)
{
	return fim_try_inode(FIM_OP_SETXATTR, dentry, name);
}

int fim_try_removexattr(struct pt_regs *ctx, struct dentry *dentry, const char *name)
{
	return fim_try_inode(FIM_OP_REMOVEXATTR, dentry, name);
}

int fim_try_removexattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			      const char *name)
{
	return fim_try_inode(FIM_OP_REMOVEXATTR, dentry, name);
}

int fim_try_setflags(struct pt_regs *ctx, struct file *file, unsigned int cmd)
{
	struct dentry *dentry = 0;

	if (!fim_is_setflags(cmd))
		return 0;
	FIM_READ(dentry, &file->f_path.dentry);
	return fim_try_inode(FIM_OP_SETFLAGS, dentry, 0);
}
