/* SPDX-License-Identifier: GPL-2.0-only
 *
 * spot.c - chosen blind spots: what a policy does not want to hear of.
 *
 * A spot says which operations by whom are left out, on the inodes that bear
 * its bit (fim_watched.spots). It is looked at before a record is begun, and
 * on inodes that bear one only. What is left out is counted, a spot at a time.
 * Operations that move names are never left out: the monitor follows them.
 */

fim_inline struct file *fim_task_exe(struct task_struct *task)
{
	struct mm_struct *mm = 0;
	struct file *exe = 0;

	FIM_READ(mm, &task->mm);
	if (mm)
		FIM_READ(exe, &mm->exe_file);
	return exe;
}

/* The spots that mean this actor, or to which it is all one. */
fim_inline __u32 fim_spots_of(struct fim_who *who)
{
	__u32 *spots = spot_actors.lookup(who);

	if (spots)
		return *spots;
	who->value = 0;
	who->dev = 0;
	who->kind |= FIM_WHO_ANY;
	spots = spot_actors.lookup(who);
	return spots ? *spots : 0;
}

fim_inline __u32 fim_spots_by_id(__u32 kind, __u64 value)
{
	struct fim_who who = {};

	who.kind = kind;
	who.value = value;
	return fim_spots_of(&who);
}

fim_inline __u32 fim_spots_by_exe(struct task_struct *task)
{
	struct file *exe = fim_task_exe(task);
	struct dentry *dentry = 0;
	struct fim_who who = {};
	struct fim_id id = {};

	if (exe) {
		FIM_READ(dentry, &exe->f_path.dentry);
		fim_inode_own_id(fim_dentry_inode(dentry), &id);
	}
	who.kind = FIM_WHO_EXE;
	who.value = id.ino;
	who.dev = id.dev;
	return fim_spots_of(&who);
}

/* Those of `spots` that leave out what this thread does. */
fim_inline __u32 fim_spots_met(__u32 spots)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fim_actor actor = {};

	fim_task_audit(task, &actor);
	spots &= fim_spots_by_id(FIM_WHO_UID, (__u32)bpf_get_current_uid_gid());
	spots &= fim_spots_by_id(FIM_WHO_AUID, actor.auid);
	spots &= fim_spots_by_id(FIM_WHO_CGROUP, fim_cgroup_id(fim_task_cgroup(task)));
	return spots & fim_spots_by_exe(task);
}

/* Whether the first of these spots leaves it out; counted then. */
fim_inline int fim_left_out(__u32 spots)
{
	__u64 *count;

	spots &= -spots;
	count = spot_counts.lookup(&spots);
	if (!count)
		return 0;
	__sync_fetch_and_add(count, 1);
	return 1;
}

/* Whether nobody wants to hear of the operation. */
fim_inline int fim_unwanted(__u32 op, struct fim_watched *self)
{
	__u32 *spots;

	if (!self || !self->spots)
		return 0;
	spots = spot_ops.lookup(&op);
	if (!spots || !(*spots & self->spots))
		return 0;
	return fim_left_out(fim_spots_met(*spots & self->spots));
}

/* The same of several by one act: those that are wanted. */
fim_inline __u32 fim_wanted(__u32 operations, struct fim_watched *self)
{
	__u32 met, wanted = operations, *spots;

	if (!self->spots)
		return operations;
	met = fim_spots_met(self->spots);
#pragma unroll
	for (__u32 op = FIM_OP_TRUNCATE; op <= FIM_OP_UTIMES; op++) {
		__u32 key = op;

		if (!(operations & 1u << op))
			continue;
		spots = spot_ops.lookup(&key);
		if (spots && *spots & met && fim_left_out(*spots & met))
			wanted &= ~(1u << op);
	}
	return wanted;
}
