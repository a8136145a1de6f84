/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rename.c - rename, over an existing name and exchanging two.
 *
 * d_move(dentry, target) and d_exchange(dentry, target) run only after the
 * file system has renamed; at entry `dentry` still has the old name and parent,
 * `target` the new ones and, where something was overwritten, its inode.
 *
 * Where the old name is left to a device 0:0 (whiteout.c), the record says so.
 *
 * Cannot see: a rename done by the server of a network file system.
 */

fim_inline void fim_left_behind(struct fim_scratch *s, struct fim_watched *from,
				struct dentry *dentry)
{
	struct inode *inode = fim_whiteout_made(s->event.time, dentry);
	struct fim_id id = s->event.file.id;
	unsigned long ino = 0;

	if (!inode)
		return;
	FIM_READ(ino, &inode->i_ino); // btrfs gave it after it was remembered
	id.ino = ino;
	s->event.count = ino;
	if (!(s->event.flags & FIM_EVENT_REPLACED))
		fim_fill_file(inode, &s->event.other);
	s->event.flags |= FIM_EVENT_WHITEOUT |
			  (fim_inherit(from, &s->event.dir, dentry, &id, S_IFCHR) &
			   FIM_EVENT_INSERT_FAILED);
}

fim_inline int fim_renamed(struct pt_regs *ctx, struct dentry *dentry,
			   struct dentry *target, __u32 kind)
{
	struct inode *inode = fim_dentry_inode(dentry);
	struct inode *other = fim_dentry_inode(target);
	struct inode *dir = fim_dentry_inode(fim_dentry_parent(dentry));
	struct inode *dir2 = fim_dentry_inode(fim_dentry_parent(target));
	struct fim_id id = {}, dir_id = {}, dir2_id = {}, other_id = {};
	struct fim_watched *from, *to, *self, *over;
	struct fim_scratch *s;

	if (fim_is_absent(dir) && fim_is_absent(dir2) && fim_is_absent(inode) &&
	    fim_is_absent(other))
		return 0;
	from = fim_find(dir, &dir_id);
	to = fim_find(dir2, &dir2_id);
	self = fim_find_any(inode, &id);
	over = fim_find(other, &other_id);
	if ((!fim_either(from, to) && !fim_either(self, over)) || fim_underneath(&dir_id))
		return 0;
	s = fim_begin(FIM_OP_RENAME, self, to);
	if (!s)
		return 0;
	s->event.flags |= fim_inherit(to, &dir2_id, target, &id, fim_inode_mode(inode));
	if (kind & FIM_EVENT_EXCHANGE && other)
		s->event.flags |= FIM_EVENT_INSERT_FAILED &
			fim_inherit(from, &dir_id, dentry, &other_id, fim_inode_mode(other));
	if (from) {
		from->stamp = s->event.time;
		s->event.flags |= fim_record_flags(from);
	}
	if (over)
		over->stamp = s->event.time;
	s->event.flags |= other ? kind : 0;
	s->event.dir = dir_id;
	s->event.dir2 = dir2_id;
	fim_fill_file(inode, &s->event.file);
	if (other)
		fim_fill_file(other, &s->event.other);
	if (from && kind == FIM_EVENT_REPLACED)
		fim_left_behind(s, from, dentry);
	s->second.dentry = target;
	fim_aim(s, FIM_TEXT_PATH, dentry, 0);
	return fim_send(ctx);
}

int fim_d_move(struct pt_regs *ctx, struct dentry *dentry, struct dentry *target)
{
	if (fim_copied_up(ctx, dentry, target))
		return 0;
	return fim_renamed(ctx, dentry, target, FIM_EVENT_REPLACED);
}

int fim_d_exchange(struct pt_regs *ctx, struct dentry *dentry, struct dentry *target)
{
	return fim_renamed(ctx, dentry, target, FIM_EVENT_EXCHANGE);
}
