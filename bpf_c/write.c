/* SPDX-License-Identifier: GPL-2.0-only
 *
 * write.c - modify, and close after modification.
 *
 * security_file_open(file) remembers how often the inode of a writable open
 * had been modified. file_update_time(file), file_modified(file) and
 * kiocb_modified(iocb) run on every way of modifying content, on no read; they
 * count, and the first by a process since its last close is a `modify`.
 * locks_remove_file(file) runs once, at the last put of an open file: a
 * `close` when the count has moved since, or may have before the monitor came.
 *
 * overlayfs opens another file underneath, on the real inode, and only that one
 * is modified. Its close is left out where the merged file's has told already:
 * it tells of stores through a mapping, and of what comes through an overlay
 * that is not watched. On 3.10 there is no second file: f_path is the merged
 * one's, f_inode the real one.
 *
 * Two ways pass none of the three. btrfs's writes, up to 6.12 at least, change
 * the times in a static function; before it they call file_remove_privs(file).
 * fallocate on every file system of 3.10, and on tmpfs and btrfs of 5.10,
 * changes them in place: vfs_fallocate(file) remembers what the inode was like,
 * and the close says whether it has changed since, so that one that fails is
 * no change.
 *
 * Cannot see: a store through a mapping whose page is already dirty passes
 * nothing at all.
 */

fim_inline struct inode *fim_file_inode(struct file *file)
{
	struct inode *inode = 0;

	FIM_READ(inode, &file->f_inode);
	return inode;
}

fim_inline void fim_file_path(struct file *file, struct path *ret)
{
	FIM_READ(*ret, &file->f_path);
#ifdef FIM_HAS_USER_PATH
	fmode_t mode = 0;

	FIM_READ(mode, &file->f_mode);
	if (mode & FMODE_BACKING)
		FIM_READ(*ret, file + 1); // of struct backing_file, which is private
#endif
}

/* Whether it is the one that overlayfs has opened on the real inode. */
fim_inline int fim_file_underneath(struct file *file)
{
#ifdef FIM_HAS_FILE_UNDERNEATH
	struct path path = {};

	fim_file_path(file, &path);
	return fim_dentry_inode(path.dentry) != fim_file_inode(file);
#else
	return 0;
#endif
}

/* The inode of a regular file open for writing that may be watched, or 0. */
fim_inline struct inode *fim_written_inode(struct file *file)
{
	struct inode *inode;
	fmode_t mode = 0;

	FIM_READ(mode, &file->f_mode);
	if (!(mode & FMODE_WRITE))
		return 0;
	inode = fim_file_inode(file);
	return !fim_is_absent(inode) && S_ISREG(fim_inode_mode(inode)) ? inode : 0;
}

/* An inode that was let go before its close leaves an entry behind: the generation
 * tells it from the next one with its number. */
fim_inline void fim_modifier_key(struct inode *inode, struct fim_id *id, struct fim_modifier *ret)
{
	ret->ino = id->ino;
	ret->dev = id->dev;
	ret->pid = bpf_get_current_pid_tgid() >> 32;
	if (id->over) {
		inode = fim_real_inode(inode); // the merged one has none
		FIM_OPAQUE(inode);
	}
	FIM_READ(ret->generation, &inode->i_generation);
}

fim_inline int fim_send_file(struct pt_regs *ctx, struct fim_scratch *s, struct file *file)
{
	struct path path = {};

	fim_file_path(file, &path);
	return fim_send_path(ctx, s, &path, fim_dentry_inode(path.dentry));
}

int fim_file_open(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_written_inode(file);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	struct fim_opened state = {};
	__u64 key = (__u64)file;

	if (!self)
		return 0;
	state.writes = self->writes;
	if (opened.update(&key, &state))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

/* A number that changes with the inode's ctime, size or blocks, never 0. */
fim_inline __u64 fim_inode_state(struct inode *inode)
{
	struct fim_file times = {};
	loff_t size = 0;
	blkcnt_t blocks = 0;

	fim_inode_times(inode, &times);
	FIM_READ(size, &inode->i_size);
	FIM_READ(blocks, &inode->i_blocks);
	return (times.ctime_sec * 1000000000ull + times.ctime_nsec +
		size * 0x9e3779b97f4a7c15ull + blocks * 0xc2b2ae3d27d4eb4full) | 1;
}

int fim_fallocate(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_written_inode(file);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	struct fim_opened state = {}, *known;
	__u64 key = (__u64)file;

	if (!self)
		return 0;
	known = opened.lookup(&key);
	if (known)
		state = *known;
	if (state.allocated)
		return 0;
	state.allocated = fim_inode_state(inode);
	if (opened.update(&key, &state))
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

	if (fim_is_absent(inode) || !S_ISREG(fim_inode_mode(inode)))
		return 0;
	self = fim_find(inode, &id);
	if (!self)
		return 0;
	__sync_fetch_and_add(&self->writes, 1);
	fim_modifier_key(inode, &id, &key);
	start = fim_process_start((struct task_struct *)bpf_get_current_task());
	known = modifiers.lookup(&key);
	if (known && *known == start)
		return 0;
	modifiers.update(&key, &start);
	s = fim_begin_change(FIM_OP_MODIFY, self);
	return s ? fim_send_file(ctx, s, file) : 0;
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

int fim_file_remove_privs(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = 0;
	struct super_block *sb = 0;
	unsigned long magic = 0;

	FIM_READ(inode, &file->f_inode);
	FIM_READ(sb, &inode->i_sb);
	FIM_READ(magic, &sb->s_magic);
	return magic == FIM_BTRFS_MAGIC ? fim_modified(ctx, file) : 0;
}

int fim_file_close(struct pt_regs *ctx, struct file *file)
{
	struct inode *inode = fim_written_inode(file);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	struct fim_modifier modifier = {};
	struct fim_opened before = {}, *known;
	__u64 key = (__u64)file, *unclosed;
	__u32 count, untold = 0;
	struct fim_scratch *s;

	if (!self)
		return 0;
	known = opened.lookup(&key);
	if (known)
		before = *known;
	count = self->writes - before.writes;
	opened.delete(&key);
	fim_modifier_key(inode, &id, &modifier);
	unclosed = modifiers.lookup(&modifier);
	modifiers.delete(&modifier);
	if (!count && before.allocated && before.allocated != fim_inode_state(inode))
		untold = count = 1;
	if (!count && !before.mapped && (known || !(self->flags & FIM_WATCH_OPEN_BEFORE)))
		return 0;
	if (!unclosed && !before.mapped && fim_file_underneath(file))
		return 0;
	s = fim_begin_change(FIM_OP_CLOSE, self);
	if (!s)
		return 0;
	s->event.count = count;
	if (untold)
		s->event.flags |= FIM_EVENT_UNTOLD;
	return fim_send_file(ctx, s, file);
}
