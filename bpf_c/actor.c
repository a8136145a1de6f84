/* SPDX-License-Identifier: GPL-2.0-only
 *
 * actor.c - the stages that say who did it: which path is walked next, then
 * credentials, arguments, control group, and the submission.
 *
 * All of it is read at the hook, in the acting thread: a process that lives a
 * millisecond is as well known as one that stays.
 */

#define FIM_ARGS_BYTES 1024
#define FIM_CGROUP_LEVELS 8
#define FIM_TARGET_BYTES 1024
#define FIM_VALUE_BYTES 256

fim_inline int fim_aim_file(struct fim_scratch *s, __u32 slot, struct file *file)
{
	struct path path = {};

	if (!file)
		return 0;
	FIM_READ(path, &file->f_path);
	fim_aim(s, slot, path.dentry, path.mnt);
	return 1;
}

fim_inline int fim_aim_exe(struct fim_scratch *s, struct task_struct *task)
{
	struct file *exe = fim_task_exe(task);
	struct dentry *dentry = 0;
	struct fim_id id = {};

	if (!fim_aim_file(s, FIM_TEXT_EXE, exe))
		return 0;
	dentry = s->walk.dentry;
	fim_inode_own_id(fim_dentry_inode(dentry), &id);
	s->event.actor.exe_ino = id.ino;
	s->event.actor.exe_dev = id.dev;
	if (fim_dentry_unhashed(dentry))
		s->event.flags |= FIM_EVENT_EXE_DELETED;
	return 1;
}

fim_inline int fim_aim_cwd(struct fim_scratch *s, struct task_struct *task)
{
	struct fs_struct *fs = 0;
	struct path pwd = {};

	FIM_READ(fs, &task->fs);
	if (!fs)
		return 0;
	FIM_READ(pwd, &fs->pwd);
	fim_aim(s, FIM_TEXT_CWD, pwd.dentry, pwd.mnt);
	return 1;
}

/* Aim at the next path that there is, in the order of the slots. */
fim_inline int fim_aim_next(struct fim_scratch *s, struct task_struct *task)
{
	struct task_struct *parent = 0;

	if (s->walk.slot < FIM_TEXT_PATH2 && s->second.dentry) {
		fim_aim(s, FIM_TEXT_PATH2, s->second.dentry, 0);
		return 1;
	}
	if (s->walk.slot < FIM_TEXT_EXE && fim_aim_exe(s, task))
		return 1;
	FIM_READ(parent, &task->real_parent);
	if (s->walk.slot < FIM_TEXT_PARENT_EXE &&
	    fim_aim_file(s, FIM_TEXT_PARENT_EXE, fim_task_exe(parent)))
		return 1;
	return s->walk.slot < FIM_TEXT_CWD && fim_aim_cwd(s, task);
}

fim_inline int fim_next(struct pt_regs *ctx, enum fim_caller caller)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 zero = 0;
	struct fim_scratch *s = scratch.lookup(&zero);

	if (!s)
		return 0;
	if (fim_aim_next(s, task))
		return fim_go(ctx, caller, FIM_STAGE_WALK);
	return fim_go(ctx, caller, FIM_STAGE_ACTOR);
}

int fim_next_stage(struct pt_regs *ctx)
{
	return fim_next(ctx, FIM_KPROBE);
}

fim_inline void fim_actor_ids(struct fim_actor *actor, struct task_struct *task)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct task_struct *leader = 0, *parent = 0;
	const struct cred *cred = 0;

	actor->pid = thread >> 32;
	actor->tid = thread;
	FIM_READ(leader, &task->group_leader);
	actor->start = fim_task_start(leader);
	FIM_READ(parent, &task->real_parent);
	FIM_READ(actor->ppid, &parent->tgid);
	FIM_READ(cred, &task->cred);
	FIM_READ(actor->uid, &cred->uid);
	FIM_READ(actor->euid, &cred->euid);
	FIM_READ(actor->gid, &cred->gid);
	fim_task_audit(task, actor);
	bpf_get_current_comm(actor->comm, sizeof(actor->comm));
}

fim_inline void fim_actor_tty(struct fim_actor *actor, struct task_struct *task)
{
	struct signal_struct *signal = 0;
	struct tty_struct *tty = 0;

	FIM_READ(signal, &task->signal);
	FIM_READ(tty, &signal->tty);
	if (tty)
		bpf_probe_read_str(actor->tty, sizeof(actor->tty), tty->name);
}

fim_inline void fim_actor_mnt_ns(struct fim_actor *actor, struct task_struct *task)
{
	__u32 zero = 0;
	struct fim_settings *set = settings.lookup(&zero);
	char *mnt_ns = fim_task_mnt_ns(task);

	if (set && set->mnt_ns_offset && mnt_ns)
		FIM_READ(actor->mnt_ns, mnt_ns + set->mnt_ns_offset);
}

fim_inline struct fim_text *fim_text_begin(struct fim_scratch *s, __u32 slot)
{
	struct fim_text *text = &s->event.text[slot];

	text->offset = sizeof(struct fim_event) + s->walk.offset;
	return text;
}

fim_inline void fim_text_end(struct fim_scratch *s, struct fim_text *text, int state,
			     __u32 length)
{
	text->state = state;
	text->length = length;
	s->walk.offset += length;
}

/* The arguments lie in the process's own memory; what is paged out is said. */
fim_inline void fim_actor_args(struct fim_scratch *s, struct task_struct *task)
{
	struct fim_text *text = fim_text_begin(s, FIM_TEXT_ARGS);
	struct mm_struct *mm = 0;
	unsigned long start = 0, end = 0;
	__u32 length;

	FIM_READ(mm, &task->mm);
	if (!mm)
		return;
	FIM_READ(start, &mm->arg_start);
	FIM_READ(end, &mm->arg_end);
	length = end - start;
	if (length > FIM_ARGS_BYTES - 1) {
		length = FIM_ARGS_BYTES - 1;
		s->event.flags |= FIM_EVENT_ARGS_CUT;
	}
	FIM_OPAQUE(length);
	length &= FIM_ARGS_BYTES - 1;
	if (bpf_probe_read(fim_text_at(s, s->walk.offset), length, (void *)start))
		fim_text_end(s, text, FIM_TEXT_UNREADABLE, 0);
	else
		fim_text_end(s, text, FIM_TEXT_WHOLE, length);
}

fim_inline void fim_actor_cgroup(struct fim_scratch *s, struct task_struct *task)
{
	struct fim_text *text = fim_text_begin(s, FIM_TEXT_CGROUP);
	fim_cgroup_node *node = fim_task_cgroup(task), *parent;
	__u32 first = s->walk.offset;
	int length;

	text->state = FIM_TEXT_CUT;
#pragma unroll
	for (int level = 0; level < FIM_CGROUP_LEVELS; level++) {
		parent = node ? fim_cgroup_parent(node) : 0;
		if (!parent) {
			text->state = node ? FIM_TEXT_WHOLE : FIM_TEXT_ABSENT;
			break;
		}
		length = bpf_probe_read_str(fim_text_at(s, s->walk.offset), FIM_NAME_BYTES,
					    fim_cgroup_name(node));
		if (length <= 0)
			break;
		s->walk.offset += length;
		text->names++;
		node = parent;
	}
	text->length = s->walk.offset - first;
}

/* The start of an extended attribute's value, behind its name and NUL. */
fim_inline void fim_actor_value(struct fim_scratch *s, struct fim_text *text)
{
	__u32 length = s->event.count;

	if (!s->second.value)
		return;
	if (s->event.count > FIM_VALUE_BYTES - 1)
		length = FIM_VALUE_BYTES - 1;
	FIM_OPAQUE(length);
	length &= FIM_VALUE_BYTES - 1;
	if (bpf_probe_read(fim_text_at(s, s->walk.offset), length, s->second.value))
		return;
	s->walk.offset += length;
	text->length += length;
}

fim_inline void fim_actor_target(struct fim_scratch *s)
{
	struct fim_text *text;
	int length;

	if (!s->second.target)
		return;
	text = fim_text_begin(s, FIM_TEXT_TARGET);
	length = bpf_probe_read_str(fim_text_at(s, s->walk.offset), FIM_TARGET_BYTES,
				    s->second.target);
	if (length <= 0) {
		fim_text_end(s, text, FIM_TEXT_UNREADABLE, 0);
		return;
	}
	fim_text_end(s, text, length < FIM_TARGET_BYTES ? FIM_TEXT_WHOLE : FIM_TEXT_CUT, length);
	// A link is as long as its text; 3.10's xfs sets that a moment later.
	if (s->event.op == FIM_OP_SYMLINK && !s->event.file.size)
		s->event.file.size = length - 1;
	fim_actor_value(s, text);
}

fim_inline int fim_actor(struct pt_regs *ctx, enum fim_caller caller)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 zero = 0;
	struct fim_scratch *s = scratch.lookup(&zero);

	if (!s)
		return 0;
	fim_actor_ids(&s->event.actor, task);
	fim_actor_tty(&s->event.actor, task);
	fim_actor_mnt_ns(&s->event.actor, task);
	fim_actor_args(s, task);
	fim_actor_cgroup(s, task);
	fim_actor_target(s);
	return fim_go(ctx, caller, FIM_STAGE_SUBMIT);
}

int fim_actor_stage(struct pt_regs *ctx)
{
	return fim_actor(ctx, FIM_KPROBE);
}

fim_inline int fim_submit(struct pt_regs *ctx, enum fim_caller caller)
{
	__u32 zero = 0, size;
	struct fim_scratch *s = scratch.lookup(&zero);
	__u64 *number;

	if (!s)
		return 0;
	size = sizeof(struct fim_event) + s->walk.offset;
	size &= FIM_RECORD_BYTES - 1;
	s->event.size = size;
	if (events.perf_submit(ctx, &s->event, size))
		fim_count(FIM_COUNTER_SUBMIT_FAILED);
	if (!s->second.more)
		return 0;
	number = sequence.lookup(&zero);
	if (!number)
		return 0;
	s->event.op = fim_take_operation(&s->second.more);
	s->event.seq = ++*number;
	return fim_go(ctx, caller, FIM_STAGE_SUBMIT);
}

int fim_submit_stage(struct pt_regs *ctx)
{
	return fim_submit(ctx, FIM_KPROBE);
}
