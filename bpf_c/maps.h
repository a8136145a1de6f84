/* SPDX-License-Identifier: GPL-2.0-only
 *
 * maps.h - every BPF map: what it holds, who writes it, who reads it.
 *
 * FIM_WATCHED_ENTRIES comes from the loader; everything else is fixed here.
 */
#ifndef FIM_MAPS_H
#define FIM_MAPS_H

#include "event.h"

/* One path being walked up, by fim_walk (walk.c), a name at a time. */
struct fim_walk {
	struct dentry *dentry;   /* whose name comes next */
	struct vfsmount *mnt;    /* it is seen through, 0 where the hook has none */
	struct dentry *mnt_root; /* of mnt */
	struct dentry *root;     /* the actor's own root ... */
	struct vfsmount *root_mnt;
	__u32 offset; /* of the next free byte in fim_scratch.text */
	__u32 limit;  /* no name starts beyond it */
	__u32 slot;   /* enum fim_text_slot being filled */
	__u32 rounds; /* calls of fim_walk so far for this slot */
	struct fim_text text; /* what becomes event.text[slot] */
};

/* A hook writes what it knows of the second path; the stages walk it later. */
struct fim_second {
	struct dentry *dentry;
	const char *target; /* text of a symbolic link, name of an attribute; kernel memory */
	const void *value;  /* of that attribute, event.count bytes of kernel memory */
	__u32 more;         /* operations that the same act gives a record each, as bits */
};

/* Texts are limited to FIM_TEXT_BYTES together: see the budgets in walk.c.
 * The guard lets the verifier see that a read at any masked offset fits. */
#define FIM_RECORD_BYTES 16384
#define FIM_TEXT_BYTES (FIM_RECORD_BYTES - sizeof(struct fim_event))
#define FIM_GUARD_BYTES 2048

struct fim_scratch {
	struct fim_event event;
	char text[FIM_TEXT_BYTES];
	char guard[FIM_GUARD_BYTES];
	struct fim_walk walk;
	struct fim_second second;
};

/* A creation permitted in a watched directory and not yet done. */
struct fim_pending {
	struct dentry *dentry;
	struct dentry *existing; /* link: the name that was there before */
	const char *target;      /* symlink */
	__u32 op;
	__u32 over; /* device of the overlay, 0 none */
	__u64 time;
};

/* A character device 0:0 that a thread has made, or (no inode) asks for (whiteout.c). */
struct fim_whiteout {
	struct inode *inode;
	__u64 time;
};

/* For so long a creation on overlayfs is believed to be going on. */
#define FIM_PENDING_NS 60000000000ull

/* A file that overlayfs is copying up (copy_up.c). */
struct fim_copying {
	struct fim_id lower;
	struct fim_id dir; /* the upper directory that it comes to */
	__u32 flags;       /* of the lower one's entry */
	__u32 spots;       /* and its blind spots */
	__u32 mode;
	__u32 pad;
};

/* What a thread is about to change the attributes of. */
struct fim_before {
	__u64 object; /* struct dentry *; for an ioctl its struct file * */
	struct fim_file file;
};

/* An act that has been permitted, and how the inode is before it (answer.c). */
struct fim_question {
	struct dentry *dentry;
	const char *name; /* of an extended attribute */
	__u64 stack;      /* pointer, when it was asked */
	__u32 op;         /* 0: those of `valid` */
	__u32 valid;      /* ATTR_* flags */
	struct fim_file file;
};

/* A name as it is in the kernel's cache: four members of struct dentry. */
struct fim_named {
	struct dentry *parent;
	__u64 hash;
	const unsigned char *name;
	struct inode *inode;
};

#define FIM_XATTR_BYTES 64

/* What a thread has begun to do to something watched (attempt.c). */
struct fim_attempt {
	__u64 start; /* of the thread: its number can be another's later */
	__u32 op;
	__u32 only; /* the error that counts, 0 any */
	struct dentry *dentry;
	struct dentry *dentry2; /* rename: the new name; link: the existing one */
	struct fim_named name;
	struct fim_named name2;
	char xattr[FIM_XATTR_BYTES]; /* of setxattr and removexattr */
};

/* What an inode was like before an open file could change it. */
struct fim_opened {
	__u64 allocated; /* fim_inode_state() before the first fallocate, 0 none */
	__u32 writes;    /* modifications of it before the open */
	__u32 mapped;    /* 1: it was mapped shared and writable */
};

/* One process that has modified an inode since its last close on it. */
struct fim_modifier {
	__u64 ino;
	__u32 dev;
	__u32 pid;
	__u32 generation;
	__u32 pad;
};

/* The allow-list; {0, device} is a watched overlay. Written by the scanner and by inheriting hooks, emptied by
 * fim_forget and the monitor; read by every hook. A plain preallocated hash:
 * an LRU would forget a watched inode in silence. */
BPF_TABLE("hash", struct fim_id, struct fim_watched, watched, FIM_WATCHED_ENTRIES);

/* By number alone, whether an inode may be watched (absent.c). Hooks change it by adding, so
 * that nothing is lost between CPUs; the monitor writes zeroes alone, when it is to serve no
 * more. */
BPF_ARRAY(absent, struct fim_absent, FIM_ABSENT_BLOCKS);

/* Names watched for themselves -> 1. Asked only where a directory is watched
 * for its names. */
BPF_TABLE("hash", struct fim_wanted, __u32, wanted, 4096);

/* Chosen blind spots (spot.c), a bit each: by the operation those that leave it out, by
 * what an actor is those that mean it, and how many records each has left out. */
#define FIM_SPOTS 16
BPF_ARRAY(spot_ops, __u32, FIM_OPERATION_END);
BPF_TABLE("hash", struct fim_who, __u32, spot_actors, 1024);
BPF_TABLE("hash", __u32, __u64, spot_counts, FIM_SPOTS);

/* What a thread is about to create: {pid, tid} -> pending. LRU, because one
 * that fails below the hook is never taken out; only such left-overs are ever
 * evicted, a live one would have to outlive 8,192 others. */
BPF_TABLE("lru_hash", __u64, struct fim_pending, pending, 8192);

/* {pid, tid} -> its last device 0:0; LRU as above. */
BPF_TABLE("lru_hash", __u64, struct fim_whiteout, whiteouts, 1024);

/* {pid, tid} -> what it is copying up; LRU as above. */
BPF_TABLE("lru_hash", __u64, struct fim_copying, copying, 8192);

/* Credentials of those who mounted the watched overlays, by address -> 1. An
 * evicted entry costs records of what overlayfs does in the layers. */
BPF_TABLE("lru_hash", __u64, __u32, mounters, 1024);
BPF_ARRAY(lower_form, __u32, 1); /* enum fim_lower_form */

/* {pid, tid} -> attributes before the change. LRU for the same reason. */
BPF_TABLE("lru_hash", __u64, struct fim_before, befores, 8192);

/* {pid, tid} -> what it asked. LRU for the same reason. */
BPF_TABLE("lru_hash", __u64, struct fim_question, questions, 8192);

/* struct file * -> its inode when it was opened for writing. A missing or
 * evicted entry counts as opened before the monitor started. */
BPF_TABLE("lru_hash", __u64, struct fim_opened, opened, 65536);

/* -> start of the process. An evicted entry costs one repeated `modify`. */
BPF_TABLE("lru_hash", struct fim_modifier, __u64, modifiers, 65536);

BPF_PERCPU_ARRAY(scratch, struct fim_scratch, 1);
BPF_PERCPU_ARRAY(sequence, __u64, 1); /* last number given out on each CPU */
BPF_PERCPU_ARRAY(counters, __u64, FIM_COUNTER_END);
BPF_ARRAY(settings, struct fim_settings, 1);
BPF_ARRAY(learned, struct fim_learned, 1);
BPF_PERF_OUTPUT(events);

#define FIM_STAGES(X) \
	X(0, WALK, fim_walk_stage)   \
	X(1, NEXT, fim_next_stage)   \
	X(2, ACTOR, fim_actor_stage) \
	X(3, SUBMIT, fim_submit_stage)

enum fim_stage {
#define FIM_STAGE_ENUM(number, NAME, program) FIM_STAGE_##NAME = number,
	FIM_STAGES(FIM_STAGE_ENUM)
#undef FIM_STAGE_ENUM
	FIM_STAGE_END
};

BPF_PROG_ARRAY(stages, 8);

#ifdef FIM_ATTEMPTS
/* {pid, tid} -> what its system call has begun. LRU, since a thread that dies in
 * one leaves it behind; a live one would have to outlive 8,192 others. */
BPF_TABLE("lru_hash", __u64, struct fim_attempt, attempts, 8192);

/* The same stages as programs of a tracepoint. */
BPF_PROG_ARRAY(exit_stages, 8);
#endif

#endif
