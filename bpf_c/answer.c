/* SPDX-License-Identifier: GPL-2.0-only
 *
 * answer.c - attributes where nothing runs only after success.
 *
 * Kernels before 6.9 that are built without EVM have no hook after a setattr or
 * removexattr, those from 6.2 to 6.8 none after an ACL, and file_setattr(2) has
 * none anywhere. There the security hook leaves a question, for a watched inode
 * only, and the return of the function that asked it is the answer: a negative
 * one is no act. Not the syscall's return: nfsd and io_uring's threads have none,
 * and every syscall of the host would pay for it.
 *
 * overlayfs asks again underneath, in calls that are nested: a question is
 * answered by a return from above the stack that it was asked on, and by no other.
 *
 * A kretprobe has few instances, as many as CPUs on older kernels, and where they
 * are all taken a return is missed. Questions and answers are counted, so that the
 * monitor says so.
 */

fim_inline int fim_ask(__u64 stack, struct dentry *dentry, __u32 op, __u32 valid,
		       const char *name)
{
	struct inode *inode = fim_dentry_inode(dentry);
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_question question = {};
	struct fim_id id = {};

	if (fim_is_absent(inode) || !fim_find(inode, &id)) {
		// One that was not answered is not to take this one's answer.
		if (questions.lookup(&thread) && !fim_overridden_credentials())
			questions.delete(&thread);
		return 0;
	}
	if (fim_underneath(&id))
		return 0;
	question.dentry = dentry;
	question.name = name;
	question.stack = stack;
	question.op = op;
	question.valid = valid;
	fim_fill_file(inode, &question.file);
	if (questions.update(&thread, &question))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	else if (op != FIM_OP_SETFLAGS)
		fim_count(FIM_COUNTER_ASKED);
	return 0;
}

fim_inline int fim_ask_attributes(__u64 stack, struct dentry *dentry,
				  struct iattr *attributes)
{
	unsigned int valid = 0;

	FIM_READ(valid, &attributes->ia_valid);
	return fim_ask(stack, dentry, 0, valid, 0);
}

int fim_ask_setattr(struct pt_regs *ctx, struct dentry *dentry, struct iattr *attributes)
{
	return fim_ask_attributes(PT_REGS_SP(ctx), dentry, attributes);
}

int fim_ask_setattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			  struct iattr *attributes)
{
	return fim_ask_attributes(PT_REGS_SP(ctx), dentry, attributes);
}

int fim_ask_removexattr(struct pt_regs *ctx, struct dentry *dentry, const char *name)
{
	return fim_ask(PT_REGS_SP(ctx), dentry, FIM_OP_REMOVEXATTR, 0, name);
}

int fim_ask_removexattr_idmap(struct pt_regs *ctx, void *idmap, struct dentry *dentry,
			      const char *name)
{
	return fim_ask(PT_REGS_SP(ctx), dentry, FIM_OP_REMOVEXATTR, 0, name);
}

int fim_ask_set_acl(struct pt_regs *ctx, void *idmap, struct dentry *dentry, const char *name)
{
	return fim_ask(PT_REGS_SP(ctx), dentry, FIM_OP_SETXATTR, 0, name);
}

/* Asked by the ioctls as well, which fim_file_ioctl tells of; there nothing answers,
 * and so it is not counted. */
int fim_ask_setflags(struct pt_regs *ctx, struct dentry *dentry)
{
	return fim_ask(PT_REGS_SP(ctx), dentry, FIM_OP_SETFLAGS, 0, 0);
}

fim_inline int fim_answered(struct pt_regs *ctx, struct fim_question *question)
{
	__u32 operations = fim_setattr_operations(question->valid);
	struct inode *inode = fim_dentry_inode(question->dentry);
	struct fim_id id = {};
	struct fim_watched *self = fim_find(inode, &id);
	__u32 op = question->op;
	struct fim_scratch *s;

	if (!self || (question->valid & ATTR_OPEN && !question->file.size))
		return 0;
	operations = fim_wanted(operations, self);
	if (!op)
		op = fim_take_operation(&operations);
	else if (fim_unwanted(op, self))
		op = 0;
	if (!op)
		return 0;
	s = fim_begin(op, self, 0);
	if (!s)
		return 0;
	s->second.more = operations;
	s->second.target = question->name;
	if (!question->name) {
		s->event.other = question->file;
		s->event.flags |= FIM_EVENT_BEFORE;
	}
	return fim_send_dentry(ctx, s, question->dentry, inode);
}

int fim_answer(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fim_question *found = questions.lookup(&thread), question;

	if (!found || (__u64)PT_REGS_SP(ctx) <= found->stack)
		return 0;
	question = *found;
	questions.delete(&thread);
	if (question.op != FIM_OP_SETFLAGS)
		fim_count(FIM_COUNTER_ANSWERED);
	return (int)PT_REGS_RC(ctx) ? 0 : fim_answered(ctx, &question);
}
