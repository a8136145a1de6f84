/* SPDX-License-Identifier: GPL-2.0-only
 *
 * filter.c - is this inode watched, and the record that starts if it is.
 *
 * Every hook asks fim_is_absent (absent.c), then fim_find, once per inode it touches
 * and leaves at once when the answer is no; everything dearer comes after. The other
 * files use what stands here.
 */

fim_inline void fim_count(__u32 counter)
{
	__u64 *count = counters.lookup(&counter);

	if (count)
		(*count)++;
}

/* The entry of an inode in the allow-list, or 0; its identity in `id`. */
fim_inline struct fim_watched *fim_find_any(struct inode *inode, struct fim_id *id)
{
	struct fim_watched *overlay, *entry;
	struct fim_id key = {};
	__u32 only = 0;

	if (!inode)
		return 0;
	fim_inode_id(inode, id);
	if (id->over) {
		key.dev = id->over;
		overlay = watched.lookup(&key);
		if (!overlay)
			return 0; // an overlay that nobody watches
		only = overlay->flags;
	}
	key.ino = id->ino;
	key.dev = id->dev;
	entry = watched.lookup(&key);
	return entry && (only & ~entry->flags) ? 0 : entry;
}

/* The same for what is watched itself, not only above what is. */
fim_inline struct fim_watched *fim_find(struct inode *inode, struct fim_id *id)
{
	struct fim_watched *entry = fim_find_any(inode, id);

	if (entry && entry->flags == FIM_WATCH_ABOVE)
		return 0;
	return entry;
}

/* Whether either entry is there. The barriers keep LLVM from testing several
 * at once by an OR of the pointers, which the verifier refuses. */
fim_inline int fim_either(struct fim_watched *a, struct fim_watched *b)
{
	__asm__ volatile("" ::: "memory");
	if (a)
		return 1;
	__asm__ volatile("" ::: "memory");
	return b != 0;
}

/* Whether the dentry's name is one that its directory is watched for. */
fim_inline int fim_is_wanted(struct fim_id *dir, struct dentry *dentry)
{
	struct fim_wanted key = {};
	const unsigned char *name = 0;

	key.dir = *dir;
	key.dir.over = 0;
	FIM_READ(name, &dentry->d_name.name);
	bpf_probe_read_str(key.name, sizeof(key.name), name);
	return wanted.lookup(&key) != 0;
}

/* Watch what has appeared by the name `dentry` in a watched directory; flags
 * for the record. NOEXIST keeps what the scanner or another hook has put there. */
fim_inline __u32 fim_inherit(struct fim_watched *parent, struct fim_id *dir,
			     struct dentry *dentry, struct fim_id *id, __u32 mode)
{
	struct fim_watched child = {}, *known;
	struct fim_id key = {};
	int error;

	if (!parent)
		return 0;
	if (!(parent->flags & FIM_WATCH_INHERIT) && !fim_is_wanted(dir, dentry))
		return 0;
	child.flags = parent->flags & FIM_WATCH_CANARY;
	child.spots = parent->spots;
	if (S_ISDIR(mode))
		child.flags |= FIM_WATCH_INHERIT;
	key.ino = id->ino;
	key.dev = id->dev;
	known = watched.lookup(&key);
	child.flags |= FIM_WATCH_COUNTED;
	if (known) {
		// Perhaps for less, or left by a file that had this number.
		if (!(known->flags & FIM_WATCH_COUNTED))
			fim_reckon(key.ino, 1);
		known->flags |= child.flags;
		known->spots &= child.spots;
		return 0;
	}
	child.stamp = bpf_ktime_get_ns(); // should the record be lost
	fim_reckon(key.ino, 1);
	error = watched.insert(&key, &child);
	if (error)
		fim_reckon(key.ino, -1);
	if (error == -EEXIST)
		return 0; // the scanner or another CPU was faster
	fim_count(error ? FIM_COUNTER_INSERT_FAILED : FIM_COUNTER_INSERTED);
	return error ? FIM_EVENT_INSERT_FAILED : FIM_EVENT_NEW;
}

/* What overlayfs does not keep up to date in a merged inode is the real one's;
 * the links are the merged one's, since a removed lower file keeps its own; so are
 * immutable and append, kept beside from 5.15 on (Linux: ovl_set_protattr). */
fim_inline void fim_fill_file(struct inode *inode, struct fim_file *ret)
{
	struct inode *merged = inode;
	struct super_block *sb = 0;
	loff_t size = 0;
	unsigned long magic = 0;
	unsigned int flags = 0;
	dev_t rdev = 0;

	inode = fim_inode_id(inode, &ret->id);
	FIM_READ(size, &inode->i_size);
	ret->size = size;
	fim_inode_times(inode, ret);
	FIM_READ(ret->generation, &inode->i_generation);
	ret->mode = fim_inode_mode(inode);
	FIM_READ(ret->uid, &inode->i_uid);
	FIM_READ(ret->gid, &inode->i_gid);
	FIM_READ(ret->nlink, &merged->i_nlink);
	FIM_READ(rdev, &inode->i_rdev);
	ret->rdev = rdev;
	FIM_READ(sb, &inode->i_sb);
	FIM_READ(magic, &sb->s_magic);
	ret->magic = magic;
	FIM_READ(ret->flags, &inode->i_flags);
	if (merged != inode) {
		FIM_READ(flags, &merged->i_flags);
		ret->flags |= flags & (S_IMMUTABLE | S_APPEND);
	}
}

fim_inline __u32 fim_record_flags(struct fim_watched *entry)
{
	__u32 flags = 0;

	if (entry->flags & FIM_WATCH_CANARY)
		flags |= FIM_EVENT_CANARY;
	if (entry->flags & FIM_WATCH_NAMES)
		flags |= FIM_EVENT_NAMES_ONLY;
	return flags;
}

/* Start a record: number it, and stamp the entries it is about, so that a
 * record that never arrives leaves both a hole and a trace of where to look.
 * The number is taken here, not at submission: a failed stage is a hole too. */
fim_inline struct fim_scratch *fim_begin(__u32 op, struct fim_watched *self,
					 struct fim_watched *parent)
{
	__u32 zero = 0;
	struct fim_scratch *s = scratch.lookup(&zero);
	__u64 *number = sequence.lookup(&zero);
	__u64 now = bpf_ktime_get_ns();

	if (!s || !number)
		return 0;
	__builtin_memset(&s->event, 0, sizeof(s->event));
	__builtin_memset(&s->walk, 0, sizeof(s->walk));
	__builtin_memset(&s->second, 0, sizeof(s->second));
	s->event.abi = FIM_EVENT_ABI;
	s->event.op = op;
	s->event.time = now;
	s->event.seq = ++*number;
	s->event.cpu = bpf_get_smp_processor_id();
	s->event.matched = self ? FIM_MATCHED_INODE : FIM_MATCHED_PARENT;
	if (self) {
		self->stamp = now;
		s->event.flags |= fim_record_flags(self);
	}
	if (parent) {
		parent->stamp = now;
		s->event.flags |= fim_record_flags(parent);
	}
	return s;
}

/* The same of what moves no name, if somebody wants to hear of it. */
fim_inline struct fim_scratch *fim_begin_change(__u32 op, struct fim_watched *self)
{
	return fim_unwanted(op, self) ? 0 : fim_begin(op, self, 0);
}

/* Walk a path next: the whole of it up to the namespace's root when the hook
 * knows the mount, up to the superblock's root otherwise. */
fim_inline void fim_aim(struct fim_scratch *s, __u32 slot, struct dentry *dentry,
			struct vfsmount *mnt)
{
	s->walk.slot = slot;
	s->walk.dentry = dentry;
	s->walk.mnt = mnt;
	s->walk.mnt_root = mnt ? fim_mount_root(mnt) : 0;
	s->walk.rounds = 0;
	s->walk.limit = 0;
	__builtin_memset(&s->walk.text, 0, sizeof(s->walk.text));
}

/* The lowest of a set of operations, taken out of it. Only those of setattr come
 * several at a time. */
fim_inline __u32 fim_take_operation(__u32 *operations)
{
#pragma unroll
	for (__u32 op = FIM_OP_TRUNCATE; op <= FIM_OP_UTIMES; op++) {
		if (*operations & 1u << op) {
			*operations &= ~(1u << op);
			return op;
		}
	}
	return 0;
}

/* What calls a stage: a program array takes programs of one type. */
enum fim_caller {
	FIM_KPROBE,
	FIM_TRACEPOINT,
};

/* Go on with a stage; it does not return. */
fim_inline int fim_go(struct pt_regs *ctx, enum fim_caller caller, __u32 stage)
{
#ifdef FIM_ATTEMPTS
	if (caller == FIM_TRACEPOINT)
		exit_stages.call(ctx, stage);
	else
#endif
		stages.call(ctx, stage);
	fim_count(FIM_COUNTER_STAGE_FAILED);
	return 0;
}

/* Hand the record to the stages, which end by submitting it. */
fim_inline int fim_send(struct pt_regs *ctx)
{
	return fim_go(ctx, FIM_KPROBE, FIM_STAGE_WALK);
}

/* The same, of an act on the inode at `path` (mnt 0: the hook has none). */
fim_inline int fim_send_path(struct pt_regs *ctx, struct fim_scratch *s, struct path *path,
			     struct inode *inode)
{
	fim_fill_file(inode, &s->event.file);
	fim_inode_id(fim_dentry_inode(fim_dentry_parent(path->dentry)), &s->event.dir);
	if (fim_dentry_unhashed(path->dentry))
		s->event.flags |= FIM_EVENT_DELETED;
	fim_aim(s, FIM_TEXT_PATH, path->dentry, path->mnt);
	return fim_send(ctx);
}

fim_inline int fim_send_dentry(struct pt_regs *ctx, struct fim_scratch *s,
			       struct dentry *dentry, struct inode *inode)
{
	struct path path = {};

	path.dentry = dentry;
	return fim_send_path(ctx, s, &path, inode);
}
