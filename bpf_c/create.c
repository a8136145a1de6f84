/* SPDX-License-Identifier: GPL-2.0-only
 *
 * create.c - create, mkdir, mknod, symlink, link.
 *
 * security_inode_{create,mkdir,mknod,symlink,link} know the directory and are
 * called before the file system acts; a thread that passes one in a watched
 * directory leaves a pending entry. security_d_instantiate(dentry, inode) is
 * called when the file system has succeeded, and for every look-up of an
 * uncached name as well: it answers only to its own thread's pending dentry.
 * open(2) with O_CREAT goes this way too, on every kernel.
 *
 * Cannot see: O_TMPFILE before it is linked; file systems that create in
 * ->atomic_open (NFS, FUSE, 9p) where they splice another dentry.
 */

/* `id` is the watched inode by which the creation is of interest. */
fim_inline int fim_expect(struct fim_id *id, struct fim_pending *entry)
{
	__u64 thread = bpf_get_current_pid_tgid();

	if (fim_underneath(id))
		return 0;
	entry->over = id->over;
	entry->time = bpf_ktime_get_ns();
	if (pending.update(&thread, entry))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

fim_inline int fim_expect_name(struct inode *dir, struct dentry *dentry, __u32 op,
			       const char *target)
{
	struct fim_pending entry = {};
	struct fim_id id = {};

	if (fim_is_absent(dir) || !fim_find(dir, &id))
		return 0;
	entry.dentry = dentry;
	entry.op = op;
	entry.target = target;
	return fim_expect(&id, &entry);
}

int fim_inode_create(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry)
{
	return fim_expect_name(dir, dentry, FIM_OP_CREATE, 0);
}

int fim_inode_mkdir(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry)
{
	return fim_expect_name(dir, dentry, FIM_OP_MKDIR, 0);
}

int fim_inode_mknod(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry,
		    umode_t mode)
{
	fim_whiteout_asked(mode, FIM_FOURTH(ctx));
	return fim_expect_name(dir, dentry, FIM_OP_MKNOD, 0);
}

int fim_inode_symlink(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry,
		      const char *target)
{
	return fim_expect_name(dir, dentry, FIM_OP_SYMLINK, target);
}

/* A link is of interest by either end: into a watched directory, or of a
 * watched inode to a name anywhere. */
int fim_inode_link(struct pt_regs *ctx, struct dentry *existing, struct inode *dir,
		   struct dentry *dentry)
{
	struct inode *inode = fim_dentry_inode(existing);
	struct fim_pending entry = {};
	struct fim_id id = {};

	if (fim_copied_up(ctx, existing, dentry))
		return 0;
	if (fim_is_absent(inode) && fim_is_absent(dir))
		return 0;
	if (!fim_find(inode, &id) && !fim_find(dir, &id))
		return 0;
	entry.dentry = dentry;
	entry.existing = existing;
	entry.op = FIM_OP_LINK;
	return fim_expect(&id, &entry);
}

fim_inline int fim_created(struct pt_regs *ctx, struct fim_pending *entry,
			   struct dentry *dentry, struct inode *inode)
{
	struct inode *dir = fim_dentry_inode(fim_dentry_parent(dentry));
	struct fim_id id = {}, dir_id = {};
	struct fim_watched *parent = fim_find(dir, &dir_id);
	struct fim_watched *self = fim_find(inode, &id);
	__u32 flags = fim_inherit(parent, &dir_id, dentry, &id, fim_inode_mode(inode));
	struct fim_scratch *s;

	if (!fim_either(self, parent))
		return 0;
	s = fim_begin(entry->op, self, parent);
	if (!s)
		return 0;
	s->event.flags |= flags;
	s->event.dir = dir_id;
	fim_fill_file(inode, &s->event.file);
	s->second.target = entry->target;
	if (entry->existing) {
		s->second.dentry = entry->existing;
		fim_inode_id(fim_dentry_inode(fim_dentry_parent(entry->existing)),
			     &s->event.dir2);
	}
	fim_aim(s, FIM_TEXT_PATH, dentry, 0);
	return fim_send(ctx);
}

int fim_d_instantiate(struct pt_regs *ctx, struct dentry *dentry, struct inode *inode)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_pending *found = pending.lookup(&thread);
	struct fim_pending entry;

	if (!found || found->dentry != dentry || !inode)
		return 0;
	entry = *found;
	pending.delete(&thread);
	return fim_created(ctx, &entry, dentry, inode);
}
