/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write.c - modify, and close after modification.
 *
 * security_file_open(file) remembers how often the inode of a writable open
 * had been modified. file_update_time(file), file_modified(file) and
 * kiocb_modified(iocb) run on every way of modifying content, on no read; they
 * count, and the first by a process since its last close is a `modify`.
 * locks_remove_file(file) runs once, at the last put of an open file: a
 * `close` when the count has moved since.
 *
 * The inode is the path's own (f_path.dentry->d_inode). On a stacked file
 * system it differs from file->f_inode in the file opened underneath; that one
 * is left out at open and close, so that one act gives one record.
 *
 * Cannot see: btrfs's buffered writes and tmpfs's fallocate on some kernels
 * pass none of the three; a store through a mapping whose page is already
 * dirty passes nothing at all.
 */

fim_inline struct inode *fim_file_inode(struct file *file)
{
	struct dentry *dentry = 0;

	FIM_READ(dentry, &file->f_path.dentry);
	return fim_dentry_inode(dentry);
}

fim_inline int fim_file_underneath(struct file *file, struct inode *inode)
{
	struct inode *real = 0;

	FIM_READ(real, &file->f_inode);
	return real != inode;
}

/* The inode of a regular file open for writing, or 0. */
fim_inline struct inode *fim_written_inode(struct file *file)
{
	struct inode *inode;
	fmode_t mode = 0;

	FIM_READ(mode, &file->f_mode);
	if (!(mode & FMODE_WRITE))
		return 0;
	inode = fim_file_inode(file);
	if (!S_ISREG(fim_inode_mode(inode)) || fim_file_underneath(file, inode))
		return 0;
	return inode;
}

fim_inline void fim_modifier_key(struct fim_id *id, struct fim_modifier *ret)
{
	ret->ino = id->ino;
	ret->dev = id->dev;
	ret->pid = bpf_get_current_pid_tgid() >> 32;
}

fim_inline int fim_send_file(struct pt_regs *ctx, struct fim_scratch *s, struct file *file,
			     struct inode *inode)
{
	struct path path = {};

	FIM_READ(path, &file->f_path);
	return fim_send_path(ctx, s, &path, inode);
}

int fim_file_open(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_written_inode(file);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	struct fim_opened now = {};
	__u64 key = (__u64)file;

	if (!self)
		return 0;
	now.writes = self->writes;
	if (opened.update(&key, &now))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

fim_inline int fim_modified(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_file_inode(file);
	struct fim_modifier key = {};
	struct fim_watched *self;
	struct fim_scratch *s;
	struct fim_id id = {};
	__u64 *known, start;

	if (!S_ISREG(fim_inode_mode(inode)))
		return 0;
	self = fim_find(inode, &id);
	if (!self)
		return 0;
	__sync_fetch_and_add(&self->writes, 1);
	fim_modifier_key(&id, &key);
	start = fim_task_start((struct task_struct *)bpf_get_current_task());
	known = modifiers.lookup(&key);
	if (known && *known == start)
		return 0;
	modifiers.update(&key, &start);
	s = fim_begin(FIM_OP_MODIFY, self, 0);
	return s ? fim_send_file(ctx, s, file, inode) : 0;
}

int fim_file_update_time(struct pt_regs *ctx, struct file *file)
{
	return fim_modified(ctx, file);
}

int fim_file_modified(struct pt_regs *ctx, struct file *file)
{
	return fim_modified(ctx, file);
}

int fim_kiocb_modified(struct pt_regs *ctx, struct kiocb *iocb)
{
	struct file *file = 0;

	FIM_READ(file, &iocb->ki_filp);
	return fim_modified(ctx, file);
}

int fim_file_close(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_written_inode(file);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	struct fim_modifier modifier = {};
	__u64 key = (__u64)file;
	struct fim_opened before = {}, *found;
	struct fim_scratch *s;
	__u32 count;

	if (!self)
		return 0;
	found = opened.lookup(&key);
	if (found)
		before = *found;
	count = self->writes - before.writes;
	opened.delete(&key);
	fim_modifier_key(&id, &modifier);
	modifiers.delete(&modifier);
	if (!count && !before.mapped)
		return 0;
	s = fim_begin(FIM_OP_CLOSE, self, 0);
	if (!s)
		return 0;
	s->event.count = count;
	return fim_send_file(ctx, s, file, inode);
}
