/* SPDX-License-Identifier: GPL-2.0-only
 *
 * event.h - the wire format: what a hook in the kernel sends to the monitor.
 *
 * Written by bpf_c/ (compiled on the target by BCC), read by ext/ (compiled by
 * gcc): one definition, no ifdef, no pointer, no host-width type.  A record is
 * a struct fim_event followed by its texts; `size` says how many bytes count
 * (the ring pads).  Integers are the host's own byte order.
 *
 * Rules
 *   - numbers of operations, texts, flags and counters are never reused;
 *   - members are only ever added, with FIM_EVENT_ABI raised by one and a line
 *     in the history below; the monitor refuses a foreign FIM_EVENT_ABI;
 *   - an unset uid, gid, login uid or session is FIM_UNSET.
 *
 * To add an operation: a row in FIM_OPERATIONS, a file in bpf_c/ that emits
 * it, a row in fim/hooks.py, a workload and a test in tests/system/.
 *
 * History
 *   1  first light
 *   2  attributes, truncation, mappings; fim_file.flags, FIM_EVENT_BEFORE
 *   3  fim_id.over, copying up
 *   4  whiteouts
 *   5  values of ACLs, FIM_EVENT_ACL
 */
#ifndef FIM_EVENT_H
#define FIM_EVENT_H

#include <linux/types.h>

#define FIM_EVENT_ABI 5
#define FIM_UNSET 0xffffffffu

/* number, NAME, the contract's word */
#define FIM_OPERATIONS(X)         \
	X(1, CREATE, "create")        \
	X(2, MKDIR, "mkdir")          \
	X(3, MKNOD, "mknod")          \
	X(4, SYMLINK, "symlink")      \
	X(5, LINK, "link")            \
	X(6, UNLINK, "unlink")        \
	X(7, RMDIR, "rmdir")          \
	X(8, RENAME, "rename")        \
	X(9, MODIFY, "modify")        \
	X(10, CLOSE, "close")         \
	X(11, OPEN, "open")           \
	X(12, TRUNCATE, "truncate")   \
	X(13, CHMOD, "chmod")         \
	X(14, CHOWN, "chown")         \
	X(15, UTIMES, "utimes")       \
	X(16, SETXATTR, "setxattr")   \
	X(17, REMOVEXATTR, "removexattr") \
	X(18, SETFLAGS, "setflags")   \
	X(19, MMAP, "mmap")           \
	X(20, MOUNT, "mount")         \
	X(21, UMOUNT, "umount")

enum fim_operation {
#define FIM_OPERATION_ENUM(number, NAME, word) FIM_OP_##NAME = number,
	FIM_OPERATIONS(FIM_OPERATION_ENUM)
#undef FIM_OPERATION_ENUM
	FIM_OPERATION_END
};

/* The texts of a record, in the order in which they are gathered.
 * WALK texts are the names of a path from the leaf up, each with its NUL. */
#define FIM_TEXTS(X)                                                         \
	X(0, PATH)       /* WALK: the file; rename: its old name */          \
	X(1, PATH2)      /* WALK: rename: the new name; link: the existing; \
			  * mount acts: PATH within its superblock */       \
	X(2, EXE)        /* WALK: executable of the process */               \
	X(3, PARENT_EXE) /* WALK: executable of its parent */                \
	X(4, CWD)        /* WALK: working directory */                       \
	X(5, ARGS)       /* argument vector, each with its NUL */            \
	X(6, CGROUP)     /* names from the leaf up, each with its NUL */     \
	X(7, TARGET)     /* text of a symbolic link; name of an extended   \
			  * attribute, a NUL, the start of its value */

enum fim_text_slot {
#define FIM_TEXT_ENUM(number, NAME) FIM_TEXT_##NAME = number,
	FIM_TEXTS(FIM_TEXT_ENUM)
#undef FIM_TEXT_ENUM
	FIM_TEXT_END
};

/* What is watched: the inode, as the kernel numbers it (not stat). Of a file on
 * overlayfs that is the real one, in a layer; `over` is zero in the keys of the
 * hash, so that it is the same file by whatever way it is reached. */
struct fim_id {
	__u64 ino;
	__u32 dev;  /* the kernel's dev_t: 12 bits major, 20 bits minor */
	__u32 over; /* device of the overlay it was reached through, 0 none */
};

/* A block device instead of an inode: its number in place of the inode's. */
#define FIM_DEVICE 0xffffffffu

enum fim_text_state {
	FIM_TEXT_ABSENT = 0,  /* not asked for, or there is none (kernel thread) */
	FIM_TEXT_WHOLE = 1,   /* all of it; a walk: up to the root it ends in */
	FIM_TEXT_CUT = 2,     /* too deep or too long: `end` is the last directory */
	FIM_TEXT_UNREADABLE = 3, /* a read failed (paged out, or racing a change) */
};

#define FIM_ROOT_NOT_MET 255

struct fim_text {
	struct fim_id end; /* walks: inode whose name would have come next */
	__u16 offset;      /* of the first byte, from the start of the record */
	__u16 length;      /* bytes */
	__u8 state;        /* enum fim_text_state */
	__u8 names;        /* walks: how many names are there */
	__u8 root;         /* walks: names below the actor's own root, or
			    * FIM_ROOT_NOT_MET */
	__u8 mounted;      /* walks: 1 mounts were crossed up to the namespace's
			    * root, 0 the path ends at its superblock's root */
};

/* Attributes of an inode at the moment of the record. */
struct fim_file {
	struct fim_id id;
	__u64 size;
	__s64 mtime_sec;
	__s64 ctime_sec;
	__u32 mtime_nsec;
	__u32 ctime_nsec;
	__u32 generation;
	__u32 mode; /* type and permission bits */
	__u32 uid;
	__u32 gid;
	__u32 nlink;
	__u32 rdev;  /* the kernel's dev_t */
	__u32 magic; /* of the superblock: which file system */
	__u32 flags; /* the VFS's own S_IMMUTABLE and so on */
};

#define FIM_COMM_SIZE 16
#define FIM_TTY_SIZE 16

struct fim_actor {
	__u64 start;     /* of the process, ns since boot */
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 pid;       /* thread group */
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 auid;      /* login uid */
	__u32 ses;       /* audit session */
	__u32 mnt_ns;    /* inode number of the mount namespace, 0 unknown */
	char comm[FIM_COMM_SIZE];
	char tty[FIM_TTY_SIZE];
};

enum fim_matched {
	FIM_MATCHED_INODE = 1,  /* the inode itself is watched */
	FIM_MATCHED_PARENT = 2, /* only its directory is */
};

enum fim_event_flag {
	FIM_EVENT_NEW = 1,           /* the hook has just put `file` in the hash */
	FIM_EVENT_INSERT_FAILED = 2, /* it should have, and the hash was full */
	FIM_EVENT_DELETED = 4,       /* the name was already gone */
	FIM_EVENT_EXCHANGE = 8,      /* rename: the two changed places */
	FIM_EVENT_REPLACED = 16,     /* `other` was overwritten */
	FIM_EVENT_EXE_DELETED = 32,  /* the executable's file is gone */
	FIM_EVENT_ARGS_CUT = 64,     /* more arguments than fit */
	FIM_EVENT_CANARY = 128,      /* the monitor's own proof that a hook fires */
	FIM_EVENT_NAMES_ONLY = 256,  /* a name in a directory watched for some names */
	FIM_EVENT_BEFORE = 512,      /* `other` is `file` as it was before */
	FIM_EVENT_COPIED_UP = 2048,  /* no act: `file` is what `other` was until now */
	FIM_EVENT_ON_MOUNT = 8192,   /* mount acts: the point is the root of a mount itself */
	FIM_EVENT_MOVED = 16384,     /* mount: one that was elsewhere before */
	FIM_EVENT_UNTOLD = 32768,    /* close: it tells of the modification, too */
	FIM_EVENT_WHITEOUT = 4096,   /* rename: a device 0:0 is left, `count` is its number,
				      * `other` what it is where nothing was overwritten */
	FIM_EVENT_FAILED = 65536,    /* an attempt: nothing was done, `count` says why */
	FIM_EVENT_ACL = 131072,      /* setxattr: the value is a struct posix_acl's entries, and
				      * `count` their bytes */
};

struct fim_event {
	__u32 size; /* bytes, texts included */
	__u16 abi;  /* FIM_EVENT_ABI */
	__u8 op;    /* enum fim_operation */
	__u8 matched;
	__u64 time; /* ns, CLOCK_MONOTONIC, at the hook */
	__u64 seq;  /* of this CPU, from 1, without holes */
	__u32 cpu;
	__u32 flags;
	__u64 count;           /* close: modifications while it was open, or watched;
				* setxattr: bytes of the value; FIM_EVENT_FAILED: errno;
				* FIM_EVENT_WHITEOUT: inode number */
	struct fim_id dir;     /* directory that holds PATH's first name */
	struct fim_id dir2;    /* and PATH2's */
	struct fim_file file;
	struct fim_file other; /* overwritten, exchanged, or before */
	struct fim_actor actor;
	struct fim_text text[FIM_TEXT_END];
};

/* Counters kept by the kernel side, one per CPU each, and what they mean. */
#define FIM_COUNTERS(X)                                                      \
	X(0, INSERTED, "keys inherited")                                     \
	X(1, REMOVED, "keys of removed inodes dropped")                      \
	X(2, INSERT_FAILED, "keys not inherited: the hash was full")         \
	X(3, PENDING_FAILED, "acts not followed: no pending slot")      \
	X(4, STAGE_FAILED, "records lost: a stage could not be called")      \
	X(5, SUBMIT_FAILED, "records lost: the ring was full, or there is none") \
	X(6, ASKED, "acts whose success is known from a return only")        \
	X(7, ANSWERED, "those that have returned")

enum fim_counter {
#define FIM_COUNTER_ENUM(number, NAME, meaning) FIM_COUNTER_##NAME = number,
	FIM_COUNTERS(FIM_COUNTER_ENUM)
#undef FIM_COUNTER_ENUM
	FIM_COUNTER_END
};

/* An entry of the hash of watched inodes (maps.h). */
enum fim_watch_flag {
	FIM_WATCH_INHERIT = 1, /* a directory: what appears in it is watched */
	FIM_WATCH_NAMES = 2,   /* a directory: its names are reported, those wanted inherited */
	FIM_WATCH_CANARY = 4,  /* the monitor's own scratch */
	FIM_WATCH_OPEN_BEFORE = 8, /* a descriptor older than the monitor may change it */
	FIM_WATCH_COUNTED = 16, /* it counts in its slot (maps.h: absent); the kernel's own */
	FIM_WATCH_ABOVE = 64,  /* a directory above: alone, only its own renaming counts */
};

struct fim_watched {
	__u16 flags;  /* enum fim_watch_flag */
	__u16 spots;  /* chosen blind spots that it lies in, as bits (spot.c) */
	__u32 writes; /* modifications seen, wraps */
	__u64 stamp;  /* time of the last record, or of inheriting, ns, CLOCK_MONOTONIC */
};

/* What an actor is, for a spot that means some; with FIM_WHO_ANY everybody else. */
enum fim_who_kind {
	FIM_WHO_UID = 1,
	FIM_WHO_AUID = 2,
	FIM_WHO_EXE = 3,    /* inode and device of the executable */
	FIM_WHO_CGROUP = 4, /* in the unified hierarchy */
	FIM_WHO_ANY = 16,
};

struct fim_who {
	__u64 value;
	__u32 dev;
	__u32 kind; /* enum fim_who_kind */
};

/* A name watched for itself, in a directory that has FIM_WATCH_NAMES: what
 * appears by it is inherited. Longer names are told apart by the monitor. */
#define FIM_WANTED_BYTES 64

struct fim_wanted {
	struct fim_id dir;
	char name[FIM_WANTED_BYTES]; /* zeroes behind it; the last is always one */
};

/* What the monitor tells the programs. */
struct fim_settings {
	__u32 scanner_tid;   /* thread whose getattr calls are learned from, 0 none */
	__u32 mnt_ns_offset; /* of the inode number in struct mnt_namespace, 0 unknown */
	__u32 mark;          /* enum fim_watch_flag that what the scanner stats is given */
	__u32 serve;         /* 1: the slots of fim_absent are to serve */
};

/* Slots of inode numbers: how many keys of the hash have, or had, a number of that slot;
 * and FIM_ABSENT once the slots serve (bpf_c/absent.c). Exactly that: no key has. */
#define FIM_ABSENT (1u << 30)
#define FIM_ABSENT_BITS 18
#define FIM_ABSENT_SLOTS 16 /* in a block */
#define FIM_ABSENT_BLOCKS ((1u << FIM_ABSENT_BITS) / FIM_ABSENT_SLOTS)

struct fim_absent {
	__u32 count[FIM_ABSENT_SLOTS];
};

/* What the kernel saw the scanner's thread stat: identities by its own numbers.
 * `calls` only grows; the identity of call n is in slot[n % FIM_LEARN_SLOTS],
 * that of a merged inode when its real one is known. */
#define FIM_LEARN_SLOTS 4
#define FIM_MNT_NS_BYTES 128

struct fim_learned {
	__u64 calls;
	__u64 merged; /* address of a merged inode whose real one comes next ... */
	__u64 over;   /* ... and the device of its overlay */
	struct fim_id slot[FIM_LEARN_SLOTS];
	__u32 mnt_ns[FIM_MNT_NS_BYTES / 4]; /* head of the thread's struct mnt_namespace */
	__u32 generation[FIM_LEARN_SLOTS]; /* of the inode in the slot */
	__u64 serving; /* blocks of slots that serve so far */
};

_Static_assert(sizeof(struct fim_id) == 16, "fim_id");
_Static_assert(sizeof(struct fim_text) == 24, "fim_text");
_Static_assert(sizeof(struct fim_file) == 80, "fim_file");
_Static_assert(sizeof(struct fim_actor) == 88, "fim_actor");
_Static_assert(sizeof(struct fim_event) == 512, "fim_event");
_Static_assert(sizeof(struct fim_watched) == 16, "fim_watched");
_Static_assert(sizeof(struct fim_who) == 16, "fim_who");
_Static_assert(sizeof(struct fim_wanted) == 80, "fim_wanted");
_Static_assert(sizeof(struct fim_settings) == 16, "fim_settings");
_Static_assert(sizeof(struct fim_learned) == 240, "fim_learned");

#endif
