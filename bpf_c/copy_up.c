/* SPDX-License-Identifier: GPL-2.0-only
 *
 * copy_up.c - a lower file of a watched overlay becomes an upper one.
 *
 * security_inode_copy_up(dentry) is called before overlayfs makes the copy in
 * its work directory, which then gets its name by a link or a rename into the
 * upper directory. The copy is another inode: it is watched for what the lower
 * one was, and the monitor is told that the two are one file (an event with
 * FIM_EVENT_COPIED_UP, which is not shown). A parent is copied up first.
 */

int fim_copy_up(struct pt_regs *ctx, struct dentry *dentry)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct inode *inode = fim_dentry_inode(dentry);
	struct inode *dir = fim_dentry_inode(fim_dentry_parent(dentry));
	struct fim_copying entry = {};
	struct fim_watched *self = fim_find_any(inode, &entry.lower);
	struct fim_watched *parent = fim_find(dir, &entry.dir);

	entry.mode = fim_inode_mode(inode);
	if (self) {
		entry.flags = self->flags;
		entry.spots = self->spots;
	} else if (parent && parent->flags & FIM_WATCH_INHERIT) {
		// The scanner has seen the lower one and not inserted it yet.
		entry.flags = parent->flags & FIM_WATCH_CANARY;
		entry.spots = parent->spots;
		if (S_ISDIR(entry.mode))
			entry.flags |= FIM_WATCH_INHERIT;
	} else {
		return 0;
	}
	if (copying.update(&thread, &entry))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	return 0;
}

fim_inline __u32 fim_watch_copy(struct fim_id *id, struct fim_copying *copy)
{
	struct fim_watched value = {};
	int error;

	value.flags = copy->flags | FIM_WATCH_COUNTED;
	value.spots = copy->spots;
	fim_reckon(id->ino, 1);
	error = watched.insert(id, &value);
	if (error)
		fim_reckon(id->ino, -1);
	if (!error)
		fim_count(FIM_COUNTER_INSERTED);
	if (!error || error == -EEXIST)
		return FIM_EVENT_COPIED_UP;
	fim_count(FIM_COUNTER_INSERT_FAILED);
	return FIM_EVENT_COPIED_UP | FIM_EVENT_INSERT_FAILED;
}

fim_inline int fim_tell_copy(struct pt_regs *ctx, struct fim_copying *copy,
			     struct inode *inode, struct dentry *name)
{
	struct fim_id id = {};
	struct fim_scratch *s;
	__u32 flags;

	fim_inode_own_id(inode, &id);
	flags = fim_watch_copy(&id, copy);
	s = fim_begin(FIM_OP_CREATE, watched.lookup(&id), 0);
	if (!s)
		return 0;
	s->event.flags |= flags;
	s->event.dir = copy->dir;
	fim_fill_file(inode, &s->event.file);
	s->event.file.id.over = copy->lower.over;
	s->event.other.id = copy->lower;
	fim_aim(s, FIM_TEXT_PATH, name, 0);
	return fim_send(ctx);
}

/* Whether a file ends its copying up by this name, its first in the upper layer;
 * it is then told of. */
fim_inline int fim_copied_up(struct pt_regs *ctx, struct dentry *dentry, struct dentry *name)
{
	struct fim_copying *found, copy;
	struct fim_id dir = {};
	struct inode *inode;
	__u64 thread;

	if (!fim_overridden_credentials())
		return 0;
	thread = bpf_get_current_pid_tgid();
	found = copying.lookup(&thread);
	if (!found)
		return 0;
	copy = *found;
	inode = fim_dentry_inode(dentry);
	fim_inode_own_id(fim_dentry_inode(fim_dentry_parent(name)), &dir);
	if (dir.ino != copy.dir.ino || dir.dev != copy.dir.dev ||
	    (copy.mode ^ fim_inode_mode(inode)) & S_IFMT)
		return 0; // its index, or another act of overlayfs's own
	copying.delete(&thread);
	fim_tell_copy(ctx, &copy, inode, name);
	return 1;
}
