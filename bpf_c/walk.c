/* SPDX-License-Identifier: GPL-2.0-only
 *
 * walk.c - the stage that turns a dentry into names, leaf first.
 *
 * One level is a name or the crossing of a mount. The levels are unrolled,
 * since the oldest verifier takes no loop, and the program calls itself a
 * second time before it gives up; a walk that is cut says which directory
 * comes next, and the monitor knows that one by its inode.
 *
 * What is known of the text lives in the scratch, not in registers: a value
 * that the verifier cannot know is one state instead of many. It lives at a
 * fixed place there, since 3.10 forgets the bounds of an index that is spilled.
 */

#define FIM_WALK_LEVELS 24
#define FIM_WALK_ROUNDS 2
#define FIM_NAME_BYTES 256
#define FIM_PATH_BUDGET 3072
#define FIM_OTHER_BUDGET 1024

fim_inline char *fim_text_at(struct fim_scratch *s, __u32 offset)
{
	return &s->text[offset & (FIM_RECORD_BYTES - 1)];
}

/* 8 texts of at most their budget, each with one name's overrun, and 256 of a value: 14,847 bytes
 * of the 15,872 there are, so that no text can take another's room. */
fim_inline void fim_walk_begin(struct fim_scratch *s, struct fim_text *text)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fs_struct *fs = 0;
	struct path root = {};

	FIM_READ(fs, &task->fs);
	if (fs)
		FIM_READ(root, &fs->root);
	s->walk.root = root.dentry;
	s->walk.root_mnt = root.mnt;
	s->walk.limit = s->walk.offset +
		(s->walk.slot <= FIM_TEXT_PATH2 ? FIM_PATH_BUDGET : FIM_OTHER_BUDGET);
	text->offset = sizeof(struct fim_event) + s->walk.offset;
	text->root = FIM_ROOT_NOT_MET;
}

/* Append the dentry's name; 0 when there is no room or it cannot be read. */
fim_inline int fim_walk_name(struct fim_scratch *s, struct fim_text *text,
			     struct dentry *dentry)
{
	const unsigned char *name = 0;
	int length;

	if (s->walk.offset >= s->walk.limit)
		return 0;
	FIM_READ(name, &dentry->d_name.name);
	length = bpf_probe_read_str(fim_text_at(s, s->walk.offset), FIM_NAME_BYTES, name);
	if (length <= 0) {
		text->state = FIM_TEXT_UNREADABLE;
		return 0;
	}
	s->walk.offset += length;
	text->names++;
	return 1;
}

/* One level up; 0 when the walk is over, with the reason in text->state. */
fim_inline int fim_walk_level(struct fim_scratch *s, struct fim_text *text)
{
	struct dentry *dentry = s->walk.dentry, *up = 0;
	struct vfsmount *mnt = s->walk.mnt, *over = 0;

	if (dentry == s->walk.root && (!mnt || mnt == s->walk.root_mnt) &&
	    text->root == FIM_ROOT_NOT_MET)
		text->root = text->names;
	if (mnt && dentry == s->walk.mnt_root) {
		fim_mount_up(mnt, &over, &up);
		if (over == mnt) {
			text->state = FIM_TEXT_WHOLE;
			text->mounted = 1;
			return 0;
		}
		s->walk.mnt = over;
		s->walk.mnt_root = fim_mount_root(over);
		s->walk.dentry = up;
		return 1;
	}
	up = fim_dentry_parent(dentry);
	if (up == dentry) {
		text->state = FIM_TEXT_WHOLE;
		return 0;
	}
	if (!fim_walk_name(s, text, dentry))
		return 0;
	s->walk.dentry = up;
	return 1;
}

fim_inline int fim_walk(struct pt_regs *ctx, enum fim_caller caller)
{
	__u32 zero = 0;
	struct fim_scratch *s = scratch.lookup(&zero);
	struct fim_text *text;

	if (!s)
		return 0;
	text = &s->walk.text;
	if (!s->walk.limit)
		fim_walk_begin(s, text);
#pragma unroll
	for (int level = 0; level < FIM_WALK_LEVELS; level++)
		if (!fim_walk_level(s, text))
			goto over;
	if (++s->walk.rounds < FIM_WALK_ROUNDS)
		fim_go(ctx, caller, FIM_STAGE_WALK);
over:
	text->length = sizeof(struct fim_event) + s->walk.offset - text->offset;
	if (text->state == FIM_TEXT_ABSENT) {
		text->state = FIM_TEXT_CUT;
		fim_inode_id(fim_dentry_inode(s->walk.dentry), &text->end);
	}
	s->event.text[s->walk.slot & (FIM_TEXT_END - 1)] = *text;
	return fim_go(ctx, caller, FIM_STAGE_NEXT);
}

int fim_walk_stage(struct pt_regs *ctx)
{
	return fim_walk(ctx, FIM_KPROBE);
}
