/* SPDX-License-Identifier: GPL-2.0-only
 *
 * kernel.h - one accessor per kernel difference; explicit reads only.
 *
 * FIM_HAS_* come from the loader, which looks for the members in this kernel's
 * own headers (fim/kernel.py: MEMBERS); no version is ever compared, since
 * distributions backport.
 *
 * bpf_probe_read is used for kernel and user memory alike: it is the only one
 * RHEL 7 has, and on x86 it goes on serving both (Linux kernel commit
 * 0ebeea8ca8a4 ("bpf: Restrict bpf_probe_read{, str}() only to archs where
 * they work") (in v5.7)).
 */
#ifndef FIM_KERNEL_H
#define FIM_KERNEL_H

#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/fdtable.h>
#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/nsproxy.h>
#include <linux/tty.h>
#include <linux/cgroup.h>
#include <linux/mm.h>
#include <linux/posix_acl.h>
#ifdef FIM_HAS_SCHED_SIGNAL_H
#include <linux/sched/signal.h>
#endif
#ifdef FIM_HAS_AIO_H
#include <linux/aio.h> /* struct kiocb, before it moved to fs.h */
#endif
#ifdef FIM_HAS_KERNFS_H
#include <linux/kernfs.h>
#endif

#define fim_inline static inline __attribute__((always_inline))

/* Read one object; a failed read leaves zeroes (the helper clears them). */
#define FIM_READ(to, from) bpf_probe_read(&(to), sizeof(to), (const void *)(from))

/* A program's fourth argument, which must not be among its parameters: BCC 0.18 (Debian
 * 11's) takes that one from r10, where only system calls have it. BCC commit 12107c6936c6
 * ("use correct arch register for the 4th param of x86_64 syscalls", v0.18), mended by its
 * pull request 3275 (v0.19). */
#define FIM_FOURTH(ctx) PT_REGS_PARM4(ctx)

/* Hide a value's range from LLVM, which would drop a mask that it can prove
 * needless and the verifier cannot. */
#define FIM_OPAQUE(value) __asm__ volatile("" : "+r"(value))

fim_inline struct inode *fim_dentry_inode(struct dentry *dentry)
{
	struct inode *inode = 0;

	FIM_READ(inode, &dentry->d_inode);
	return inode;
}

fim_inline struct dentry *fim_dentry_parent(struct dentry *dentry)
{
	struct dentry *parent = 0;

	FIM_READ(parent, &dentry->d_parent);
	return parent;
}

/* A name of the inode that is in the kernel's cache, or 0.
 * Linux kernel commit 946e51f2bf37 ("move d_rcu from overlapping d_child to
 * overlapping d_alias") (in v3.19). */
#ifdef FIM_HAS_D_U_ALIAS
#define FIM_ALIAS offsetof(struct dentry, d_u.d_alias)
#else
#define FIM_ALIAS offsetof(struct dentry, d_alias)
#endif

fim_inline struct dentry *fim_inode_alias(struct inode *inode)
{
	char *first = 0;

	FIM_READ(first, &inode->i_dentry.first);
	return first ? (struct dentry *)(first - FIM_ALIAS) : 0;
}

fim_inline int fim_dentry_unhashed(struct dentry *dentry)
{
	void *pprev = 0;

	FIM_READ(pprev, &dentry->d_hash.pprev);
	return !pprev;
}

fim_inline __u32 fim_inode_mode(struct inode *inode)
{
	umode_t mode = 0;

	FIM_READ(mode, &inode->i_mode);
	return mode;
}

/* Not in RHEL 7's linux/magic.h. */
#define FIM_OVERLAY_MAGIC 0x794c7630
#define FIM_BTRFS_MAGIC 0x9123683e

/* i_sb and i_ino lie close together in every tree from 3.10 to 7.3, so that one
 * read fetches both, as another does s_dev and s_magic: on inodes that nobody
 * watches this is all that is done. */
#define FIM_ID_START offsetof(struct inode, i_sb)
#define FIM_ID_BYTES (offsetof(struct inode, i_ino) + sizeof(__u64) - FIM_ID_START)
_Static_assert(offsetof(struct inode, i_ino) > FIM_ID_START && FIM_ID_BYTES <= 64,
	       "i_sb and i_ino have moved apart");
#define FIM_SB_START offsetof(struct super_block, s_dev)
#define FIM_SB_BYTES (offsetof(struct super_block, s_magic) + sizeof(__u64) - FIM_SB_START)
_Static_assert(offsetof(struct super_block, s_magic) > FIM_SB_START && FIM_SB_BYTES <= 96,
	       "s_dev and s_magic have moved apart");

/* The inode's own identity, a merged one's included; returns the magic of its
 * superblock. fim_inode_id (overlay.c) looks through. */
fim_inline __u64 fim_inode_own_id(struct inode *inode, struct fim_id *ret)
{
	__u64 part[FIM_ID_BYTES / 8] = {};
	__u64 super[FIM_SB_BYTES / 8];

	bpf_probe_read(part, sizeof(part), (const char *)inode + FIM_ID_START);
	bpf_probe_read(super, sizeof(super), (const char *)part[0] + FIM_SB_START);
	ret->ino = part[FIM_ID_BYTES / 8 - 1];
	ret->dev = (__u32)super[0];
	ret->over = 0;
	return super[FIM_SB_BYTES / 8 - 1];
}

/* Linux kernel commits 12cd44023651 ("fs: rename inode i_atime and i_mtime
 * fields") (in v6.7), 3aa63a569c64 ("fs: switch timespec64 fields in inode to
 * discrete integers") (in v6.11), 4e40eff0b573 ("fs: add infrastructure for
 * multigrain timestamps") (in v6.13): the highest bit of ctime says that it was
 * asked for. */
#define FIM_NSEC_BITS 0x3fffffff

fim_inline void fim_inode_times(struct inode *inode, struct fim_file *ret)
{
#if defined(FIM_HAS_I_MTIME_SEC)
	FIM_READ(ret->mtime_sec, &inode->i_mtime_sec);
	FIM_READ(ret->mtime_nsec, &inode->i_mtime_nsec);
	FIM_READ(ret->ctime_sec, &inode->i_ctime_sec);
	FIM_READ(ret->ctime_nsec, &inode->i_ctime_nsec);
	ret->ctime_nsec &= FIM_NSEC_BITS;
#else
#if defined(FIM_HAS___I_MTIME)
#define fim_i_mtime __i_mtime
#else
#define fim_i_mtime i_mtime
#endif
#if defined(FIM_HAS___I_CTIME)
#define fim_i_ctime __i_ctime
#else
#define fim_i_ctime i_ctime
#endif
	FIM_READ(ret->mtime_sec, &inode->fim_i_mtime.tv_sec);
	FIM_READ(ret->mtime_nsec, &inode->fim_i_mtime.tv_nsec);
	FIM_READ(ret->ctime_sec, &inode->fim_i_ctime.tv_sec);
	FIM_READ(ret->ctime_nsec, &inode->fim_i_ctime.tv_nsec);
#endif
}

/* struct mount is private (fs/mount.h); its head is mnt_parent and
 * mnt_mountpoint before the public mnt in every tree from 3.10 to 7.3. */
struct fim_mount_head {
	struct vfsmount *mnt_parent; /* a struct mount, see below */
	struct dentry *mnt_mountpoint;
};
#define FIM_MOUNT_HASH_BYTES 16 /* struct hlist_node or list_head mnt_hash */

fim_inline void fim_mount_up(struct vfsmount *mnt, struct vfsmount **parent,
			     struct dentry **mountpoint)
{
	struct fim_mount_head head = {};

	FIM_READ(head, (char *)mnt - sizeof(head));
	*mountpoint = head.mnt_mountpoint;
	*parent = (struct vfsmount *)((char *)head.mnt_parent +
				      FIM_MOUNT_HASH_BYTES + sizeof(head));
}

fim_inline struct dentry *fim_mount_root(struct vfsmount *mnt)
{
	struct dentry *root = 0;

	FIM_READ(root, &mnt->mnt_root);
	return root;
}

/* A thread's start, ns since boot, suspended time included: /proc/PID/stat's 22nd.
 * Linux kernel commits ccbf62d8a284 ("sched: Make task->real_start_time
 * nanoseconds based") (in v3.17), cf25e24db61c ("time: Rename tsk->real_start_time
 * to ->start_boottime") (in v5.5). */
fim_inline __u64 fim_task_start(struct task_struct *task)
{
#if defined(FIM_HAS_START_BOOTTIME)
	__u64 start = 0;

	FIM_READ(start, &task->start_boottime);
	return start;
#elif defined(FIM_HAS_REAL_START_TIME_NS)
	__u64 start = 0;

	FIM_READ(start, &task->real_start_time);
	return start;
#else
	struct timespec start = {};

	FIM_READ(start, &task->real_start_time);
	return start.tv_sec * 1000000000ull + start.tv_nsec;
#endif
}

/* Of its first thread. */
fim_inline __u64 fim_process_start(struct task_struct *task)
{
	struct task_struct *leader = 0;

	FIM_READ(leader, &task->group_leader);
	return fim_task_start(leader);
}

fim_inline void fim_task_audit(struct task_struct *task, struct fim_actor *ret)
{
	ret->auid = FIM_UNSET;
	ret->ses = FIM_UNSET;
#ifdef CONFIG_AUDITSYSCALL
	FIM_READ(ret->auid, &task->loginuid);
	FIM_READ(ret->ses, &task->sessionid);
#endif
}

/* struct mnt_namespace is private: the monitor finds the offset of its inode
 * number by looking for its own (fim_learned.mnt_ns). Absent on exit. */
fim_inline void *fim_task_mnt_ns(struct task_struct *task)
{
	struct nsproxy *nsproxy = 0;
	void *mnt_ns = 0;

	FIM_READ(nsproxy, &task->nsproxy);
	if (nsproxy)
		FIM_READ(mnt_ns, &nsproxy->mnt_ns);
	return mnt_ns;
}

/* The control group, as a node with a name and a parent.
 * Linux kernel commits e61734c55c24 ("cgroup: remove cgroup->name") (in v3.15),
 * 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent") (in v6.15). */
#if defined(FIM_HAS_DFL_CGRP)
typedef struct kernfs_node fim_cgroup_node;

fim_inline fim_cgroup_node *fim_task_cgroup(struct task_struct *task)
{
	struct css_set *set = 0;
	struct cgroup *cgroup = 0;
	struct kernfs_node *node = 0;

	FIM_READ(set, &task->cgroups);
	FIM_READ(cgroup, &set->dfl_cgrp);
	FIM_READ(node, &cgroup->kn);
	return node;
}

fim_inline fim_cgroup_node *fim_cgroup_parent(fim_cgroup_node *node)
{
	fim_cgroup_node *parent = 0;

#if defined(FIM_HAS_KERNFS___PARENT)
	FIM_READ(parent, &node->__parent);
#else
	FIM_READ(parent, &node->parent);
#endif
	return parent;
}

fim_inline const char *fim_cgroup_name(fim_cgroup_node *node)
{
	const char *name = 0;

	FIM_READ(name, &node->name);
	return name;
}

/* As stat(2) numbers it since 67c0496e87d1 ("kernfs: convert kernfs_node->id from union
 * kernfs_node_id to u64") (in v5.5); 0: it cannot be told. */
fim_inline __u64 fim_cgroup_id(fim_cgroup_node *node)
{
	__u64 id = 0;

#ifdef FIM_HAS_KERNFS_ID
	FIM_READ(id, &node->id);
#endif
	return id;
}
#else
typedef struct cgroup fim_cgroup_node;

fim_inline __u64 fim_cgroup_id(fim_cgroup_node *node)
{
	return 0;
}

/* No unified hierarchy: of the controllers the cpu one is always mounted. */
fim_inline fim_cgroup_node *fim_task_cgroup(struct task_struct *task)
{
	struct css_set *set = 0;
	struct cgroup_subsys_state *state = 0;
	struct cgroup *cgroup = 0;

	FIM_READ(set, &task->cgroups);
	FIM_READ(state, &set->subsys[cpu_cgroup_subsys_id]);
	FIM_READ(cgroup, &state->cgroup);
	return cgroup;
}

fim_inline fim_cgroup_node *fim_cgroup_parent(fim_cgroup_node *node)
{
	fim_cgroup_node *parent = 0;

	FIM_READ(parent, &node->parent);
	return parent;
}

fim_inline const char *fim_cgroup_name(fim_cgroup_node *node)
{
	struct cgroup_name *name = 0;

	FIM_READ(name, &node->name);
	return name ? name->name : 0;
}
#endif

#endif
