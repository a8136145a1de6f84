/* SPDX-License-Identifier: GPL-2.0-only
 *
 * overlay.c - overlayfs: what a merged inode really is, and what overlayfs does
 * for itself.
 *
 * An act on a merged file passes a hook twice: with the merged inode and the
 * caller's own credentials, and with the real inode of a layer and the
 * mounter's, beside what copying up and whiteouts take. The key is the real
 * inode (the merged one's number changes when it is evicted and collides
 * between layers); the record is made of the merged call, whose path is the one
 * reached. So fim_inode_id looks through a merged inode, and an act done with
 * the mounter's credentials gives no record of its own.
 *
 * A merged inode counts only where its overlay is watched, which is an entry
 * {0, its device} of the allow-list: another overlay that shares a layer is
 * another file system. Where that entry is the canary's, what the canary makes
 * counts and nothing else.
 *
 * Joined before the others: they use fim_inode_id.
 */

/* The head of what follows the inode in struct ovl_inode, which is private
 * (fs/overlayfs/ovl_entry.h); the upper dentry comes first in every tree from
 * RHEL 7.6's 3.10 and from v4.13 on. */
struct fim_merged {
	struct dentry *upper;
	__u64 lower[2];
};

#define FIM_ENTRY_LOWER_DENTRY 16 /* struct ovl_entry: count, {layer, dentry} */

/* How the lower inode is reached; fim_learn finds out which it is here.
 * Linux kernel commits ffa5723c6d25 ("ovl: store lower path in ovl_inode") (in
 * v6.0), 0af950f57fef ("ovl: move ovl_entry into ovl_inode") (in v6.5). */
enum fim_lower_form {
	FIM_LOWER_UNKNOWN,
	FIM_LOWER_INODE, /* itself */
	FIM_LOWER_PATH,  /* layer, dentry */
	FIM_LOWER_ENTRY, /* a struct ovl_entry */
};

fim_inline struct inode *fim_lower_inode(struct fim_merged *merged, __u32 form)
{
	__u64 at = merged->lower[0];

	if (form == FIM_LOWER_INODE)
		return (struct inode *)at;
	if (form == FIM_LOWER_PATH)
		at = merged->lower[1];
	else
		FIM_READ(at, at + FIM_ENTRY_LOWER_DENTRY);
	return fim_dentry_inode((struct dentry *)at);
}

/* The upper inode, or the lower one until it is copied up. */
fim_inline struct inode *fim_real_inode(struct inode *inode)
{
	struct fim_merged merged = {};
	__u32 zero = 0, *form;

	FIM_READ(merged, inode + 1);
	if (merged.upper)
		return fim_dentry_inode(merged.upper);
	form = lower_form.lookup(&zero);
	return form && *form ? fim_lower_inode(&merged, *form) : 0;
}

/* The identity of an inode; returns the inode that has it. */
fim_inline struct inode *fim_inode_id(struct inode *inode, struct fim_id *ret)
{
	__u32 over;

	if (fim_inode_own_id(inode, ret) != FIM_OVERLAY_MAGIC)
		return inode;
	over = ret->dev;
	inode = fim_real_inode(inode);
	// Reading what is not there fails, and is meant to; LLVM 19 takes a member of NULL
	// for proof that it is there, and drops the test of the look-up above.
	FIM_OPAQUE(inode);
	fim_inode_own_id(inode, ret);
	ret->over = over;
	return inode;
}

fim_inline __u64 fim_overridden_credentials(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 credentials[2] = {};

	bpf_probe_read(credentials, sizeof(credentials), &task->real_cred);
	return credentials[0] == credentials[1] ? 0 : credentials[1];
}
_Static_assert(offsetof(struct task_struct, cred) ==
	       offsetof(struct task_struct, real_cred) + sizeof(void *),
	       "real_cred and cred have moved apart");

/* Whether an act on `id` is one that overlayfs does in a layer of a watched
 * overlay. It creates with a copy of the mounter's credentials; that such a
 * creation is going on is known from what the merged directory has pending. A
 * creation that failed leaves that behind, which hides nothing from a thread
 * with its own credentials, and from a file server's not for long. */
fim_inline int fim_underneath(struct fim_id *id)
{
	__u64 thread = bpf_get_current_pid_tgid(), credentials;
	struct fim_pending *entry;

	if (id->over)
		return 0;
	credentials = fim_overridden_credentials();
	if (!credentials)
		return 0;
	if (mounters.lookup(&credentials))
		return 1;
	entry = pending.lookup(&thread);
	return entry && entry->over && bpf_ktime_get_ns() - entry->time < FIM_PENDING_NS;
}
