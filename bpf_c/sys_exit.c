/* SPDX-License-Identifier: GPL-2.0-only
 *
 * sys_exit.c - the end of a system call: what it had begun (attempt.c) has failed, or
 * not. Joined only when attempts are asked for.
 *
 * Between the two a name can go out of the kernel's cache, and its memory be another's:
 * the four members of it that were kept are compared before anything is followed.
 */
#ifdef FIM_HAS_TRACE_EVENTS_H
#include <linux/trace_events.h>
#else
#include <linux/ftrace_event.h>
#endif

/* What raw_syscalls:sys_exit gives a program. */
struct fim_sys_exit {
	struct trace_entry entry;
	long id;
	long ret;
};

#define FIM_LAST_ERRNO 511 /* above are the kernel's own, such as ERESTARTSYS */

/* Whether the dentry still is the name that it was; counted where not. A name
 * that has got or lost its file meanwhile was another's act. */
fim_inline int fim_still(struct dentry *dentry, struct fim_named *was)
{
	struct fim_named now = {};

	fim_read_named(dentry, &now);
	if (now.parent != was->parent || now.hash != was->hash || now.name != was->name) {
		fim_count(FIM_COUNTER_PENDING_FAILED);
		return 0;
	}
	return now.inode == was->inode;
}

/* What was to be made is not there: only its file system is known. */
fim_inline void fim_fill_nothing(struct inode *dir, struct fim_file *ret)
{
	struct super_block *sb = 0;
	unsigned long magic = 0;

	dir = fim_inode_id(dir, &ret->id);
	FIM_READ(sb, &dir->i_sb);
	FIM_READ(magic, &sb->s_magic);
	ret->magic = magic;
	ret->id.ino = 0;
}

/* Its first text: the name was the system call's own, and is gone when a stage runs. */
fim_inline void fim_tell_xattr(struct fim_scratch *s, struct fim_attempt *attempt)
{
	struct fim_text *text = &s->event.text[FIM_TEXT_TARGET];
	int length = bpf_probe_read_str(s->text, FIM_XATTR_BYTES, attempt->xattr);

	if (length <= 0)
		return;
	text->offset = sizeof(struct fim_event);
	text->length = length;
	text->state = length < FIM_XATTR_BYTES ? FIM_TEXT_WHOLE : FIM_TEXT_CUT;
	s->walk.offset = length;
}

fim_inline int fim_failed(struct pt_regs *ctx, struct fim_attempt *attempt, __u32 error)
{
	struct inode *dir = fim_dentry_inode(attempt->name.parent), *dir2 = 0;
	struct inode *inode = attempt->name.inode;
	struct fim_watched *self, *from = 0, *to = 0;
	struct fim_id id = {}, dir_id = {}, dir2_id = {};
	struct fim_scratch *s;

	if (attempt->dentry2)
		dir2 = fim_dentry_inode(attempt->name2.parent);
	if (attempt->dentry2 && attempt->op == FIM_OP_LINK)
		inode = attempt->name2.inode;
	self = fim_find(inode, &id);
	if (attempt->op <= FIM_OP_RENAME)
		from = fim_find(dir, &dir_id);
	else
		fim_inode_id(dir, &dir_id);
	to = fim_find(dir2, &dir2_id);
	s = fim_begin(attempt->op, self, from);
	if (!s)
		return 0;
	if (to)
		s->event.flags |= fim_record_flags(to);
	s->event.flags |= FIM_EVENT_FAILED;
	if (inode && fim_dentry_unhashed(attempt->dentry) && attempt->op > FIM_OP_RENAME)
		s->event.flags |= FIM_EVENT_DELETED;
	s->event.count = error;
	s->event.dir = dir_id;
	s->event.dir2 = dir2_id;
	if (inode)
		fim_fill_file(inode, &s->event.file);
	else
		fim_fill_nothing(dir, &s->event.file);
	if (attempt->op == FIM_OP_SETXATTR || attempt->op == FIM_OP_REMOVEXATTR)
		fim_tell_xattr(s, attempt);
	s->second.dentry = attempt->dentry2;
	fim_aim(s, FIM_TEXT_PATH, attempt->dentry, 0);
	return fim_go(ctx, FIM_TRACEPOINT, FIM_STAGE_WALK);
}

int fim_sys_exit(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_attempt *found = attempts.lookup(&thread), attempt;
	long ret = 0;

	if (!found)
		return 0;
	attempt = *found;
	attempts.delete(&thread);
	FIM_READ(ret, &((struct fim_sys_exit *)ctx)->ret);
	if (ret >= 0 || ret < -FIM_LAST_ERRNO || (attempt.only && attempt.only != -ret) ||
	    attempt.start != fim_task_start((struct task_struct *)bpf_get_current_task()))
		return 0;
	if (!fim_still(attempt.dentry, &attempt.name) ||
	    (attempt.dentry2 && !fim_still(attempt.dentry2, &attempt.name2)))
		return 0;
	return fim_failed(ctx, &attempt, -ret);
}

int fim_walk_exit(struct pt_regs *ctx)
{
	return fim_walk(ctx, FIM_TRACEPOINT);
}

int fim_next_exit(struct pt_regs *ctx)
{
	return fim_next(ctx, FIM_TRACEPOINT);
}

int fim_actor_exit(struct pt_regs *ctx)
{
	return fim_actor(ctx, FIM_TRACEPOINT);
}

int fim_submit_exit(struct pt_regs *ctx)
{
	return fim_submit(ctx, FIM_TRACEPOINT);
}
