/* SPDX-License-Identifier: GPL-2.0-only
 *
 * session.h - one monitor: from the rings to lines, without Python.
 *
 *	taps ──► order ──► session_event: apply, resolve, render ──► out
 *	           ▲                │
 *	        (held while       scan what was moved in, let go what went out
 *	         a scan is on)
 *
 * A session is used by one thread at a time and knows nothing of Python.
 * Functions return 0 or -errno unless they say otherwise.
 */
#ifndef FIM_SESSION_H
#define FIM_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "exclude.h"
#include "ids.h"
#include "inode_table.h"
#include "mount_table.h"
#include "order.h"
#include "process_last.h"
#include "rate.h"
#include "reconcile.h"
#include "record.h"
#include "repeat.h"
#include "scan.h"
#include "spots.h"
#include "tap.h"
#include "users.h"

/* Records wait this long for older ones of another CPU. */
#define SESSION_HOLD_NS 10000000ull
/* The clocks and the mounts are looked at again after this. */
#define SESSION_REFRESH_NS 1000000000ull
/* What was withheld is told of this often, and at the end. */
#define SESSION_WITHHELD_NS 60000000000ull
#define SESSION_INODES 16000000u
#define SESSION_CONTENTS (1u << 20) /* bytes of session->contents */
#define SESSION_SEED_SIZE 16
#define SESSION_TAPS 2
#define SESSION_TEXTS 6
#define SESSION_LEARN 2 /* functions by which identities are learned */

/* Flags of the inode table: only some names of this directory are watched; the
 * root of what was mounted on something that is watched. */
#define INODE_NAMES_ONLY 0x100u
#define INODE_MOUNTED 0x1000u
/* Flags of a file: told as open, or mapped, since before the monitor. */
#define INODE_OPEN_BEFORE 0x200u
#define INODE_MAPPED_BEFORE 0x400u
/* Flag of a directory: not watched, known for a name that --find-links found. */
#define INODE_OUTSIDE 0x800u

/* Counts that `stop` and `heartbeat` tell; each is also said when it happens
 * or makes a record of its own. */
#define SESSION_COUNTS(X)                                             \
	X(EVENTS, "events")      /* event records rendered */        \
	X(WITHHELD, "withheld")  /* see withhold.c */ \
	X(GAPS, "gaps")          /* holes declared */                \
	X(LOST, "lost")          /* records in them */               \
	X(GAPS_CLOSED, "gaps_closed") /* compared, and said so */   \
	X(RECONCILED, "reconciled") /* differences found so */      \
	X(MALFORMED, "malformed") /* refused by the decoder */       \
	X(NO_MEMORY, "no_memory") /* dropped for want of memory */   \
	X(REFUSED, "refused")    /* names the inode table has no room for */ \
	X(SELF, "self")          /* the monitor's own acts on its own files */ \
	X(JOINED, "joined")      /* told with others like them */ \
	X(FAILED, "failed")      /* attempts that failed, not asked for */ \
	X(LATE, "late")          /* rendered after younger ones */   \
	X(DUPLICATES, "duplicates") /* seen by both sets of programs */ \
	X(SCANNED, "scanned")    /* inodes looked at */            \
	X(UNREADABLE, "unreadable") /* not looked at by a scan */    \
	X(UNLEARNED, "unlearned")  /* identities taken from stat */ \
	X(OLDER, "older")         /* inodes open or mapped before the start */ \
	X(NOT_LOOKED, "not_looked") /* open where a look could hang */ \
	X(UNREAD_CONTENTS, "unread_contents") /* no room to note them */ \
	X(LINKS, "links")         /* names found by --find-links */ \
	X(LINKS_MISSING, "links_missing") /* and names not found */

enum session_count {
#define SESSION_COUNT_ENUM(NAME, word) SESSION_##NAME,
	SESSION_COUNTS(SESSION_COUNT_ENUM)
#undef SESSION_COUNT_ENUM
	SESSION_COUNT_END
};

/* Why a record is kept back. */
enum session_withheld {
	WITHHELD_NAMES,     /* other names of a names-only directory */
	WITHHELD_EXCLUDED,  /* --exclude */
	WITHHELD_SUBVOLUME, /* of a btrfs subvolume with inodes of the same numbers */
	WITHHELD_GONE,      /* of a file system that had the numbers of one that is gone */
	WITHHELD_KINDS
};

/* A file with several names, as stat numbers it: --find-links. */
struct session_linked {
	struct fim_id id;
	uint64_t ino;
	uint32_t dev;
	uint32_t nlink;
};

/* A name watched for itself, in a directory that is watched for its names. */
struct session_wanted {
	struct session_wanted *next;
	struct fim_id dir;
	size_t length;
	char name[];
};

/* A path that was asked for. */
struct session_root {
	struct session_root *next;
	bool moved; /* it was given by another path */
	struct bytes path;
	char text[];
};

/* A record accepted just before a switch of taps: its twin is dropped. */
struct session_twin {
	uint64_t ino;
	uint64_t time;
	uint32_t tid;
	uint32_t op;
};
#define SESSION_TWINS 64

/* A device whose file system is gone: until then its keys were in the hash, and
 * met whatever has its number now. */
struct session_dropped {
	uint64_t until;
	uint32_t dev;
};
#define SESSION_DROPPED 16

/* A key that is to go (session_going.c), and a moment in which some went. */
struct session_going {
	struct fim_id id;
	uint64_t since;
};
struct session_drop {
	uint64_t from, until;
};
#define SESSION_DROPS 16
#define SESSION_TWIN_NS 5000000ull

/* A way by which inodes are reached (fim_id.over). */
struct session_way {
	uint32_t over;
	bool subvolume; /* to files of its own, else to those of a layer */
};
#define SESSION_REMOVED 1024
#define SESSION_OWN 64

struct session {
	struct inode_table inodes;
	struct mount_table mounts;
	struct users users;
	struct order order;
	struct tap *taps[SESSION_TAPS]; /* [0] the one in force, [1] its successor */
	unsigned taps_made;
	struct fim_stream stream;
	struct process_last last_process;
	struct buffer out;  /* lines that wait to be taken */
	struct buffer line; /* scratch */
	struct buffer heard; /* of the canary, since it was asked last */
	struct buffer contents; /* to be read: the seq of a record, inodes, a path with a NUL */
	char *text[SESSION_TEXTS]; /* rooms of EVENT_PATH_SIZE for paths */
	struct bytes *known;       /* paths of one file */
	size_t known_room;
	struct buffer known_text;
	struct session_root *roots;
	struct session_wanted *wanted;
	int mountinfo;       /* polled for changes */
	uint64_t poked;      /* it has told of some that were not looked at, 0 not */
	uint64_t poked_until; /* the last time that they were ... */
	bool poked_for_nothing; /* ... and nothing had changed in the end */
	uint64_t changed;    /* changes seen, ever */
	uint64_t applied;    /* every record older than this was */
	struct session_act *acts;       /* session_mount.c */
	struct session_change *changes;
	struct session_cover *covers;   /* session_cover.c */
	struct session_device *devices; /* session_device.c */
	struct session_dropped dropped[SESSION_DROPPED];
	unsigned dropped_count; /* ever */
	struct session_going *going;
	size_t going_count, going_room;
	struct session_drop drops[SESSION_DROPS];
	unsigned drop_count;
	struct inode_cursor key_at; /* the inode whose key is looked for next */
	struct ids keyless;         /* those that had none at the last look ... */
	uint64_t keyless_since;     /* ... which was then */
	struct fim_id *unread; /* directories in the hash whose contents are not */
	size_t unread_count, unread_room;
	uint64_t drains; /* of the rings so far; read by other threads: all is well with a long call */
	struct session_linked *linked; /* while the start scans */
	size_t linked_count, linked_room;
	struct session_twin twins[SESSION_TWINS];
	unsigned twin_count;
	uint64_t counts[SESSION_COUNT_END];
	struct {
		uint64_t count, since; /* not told of yet */
	} withheld[WITHHELD_KINDS];
	struct exclude exclude;
	struct spots spots;
	struct fim_id own[SESSION_OWN]; /* files that we write to, and directories of such */
	unsigned own_count;
	bool own_told;
	uint64_t tried;       /* bit n: the canary's failed attempt at operation n was seen */
	uint64_t switched;    /* records of taps[0] older than this belong to its predecessor */
	uint64_t scanned_until; /* the table is newer than records older than this */
	uint64_t delivered;   /* time of the youngest record rendered */
	uint64_t refreshed;
	uint64_t unslotted;   /* FIM_COUNTER_PENDING_FAILED when last looked at */
	uint64_t asking;      /* FIM_COUNTER_ASKED and not _ANSWERED, when last looked at */
	uint64_t unanswered;  /* of those, told of */
	int64_t wall_offset;  /* wall clock minus CLOCK_MONOTONIC */
	uint64_t entries;     /* room in the hash */
	struct session_way *ways; /* none, or the files' own first */
	size_t way_count;
	struct fim_id removed[SESSION_REMOVED]; /* whose keys are still in the hash */
	unsigned removed_at;
	struct fim_id stat_id; /* of the record being rendered */
	uint32_t mnt_ns;      /* our own */
	uint32_t mnt_ns_offset; /* for the kernel side, 0 not found */
	int learn_program;    /* descriptor, -1 none */
	int learn_probes[SESSION_LEARN]; /* attached while scanning, else 0 */
	char *learn_functions[SESSION_LEARN];
	struct repeats *repeats; /* NULL: none are joined */
	struct rates *rates;     /* NULL: there is no limit */
	struct reconcile *reconcile;
	struct doubts awaited;   /* awaited.c */
	struct earlier *earlier; /* earlier.c: what another session knew, NULL nothing */
	uint64_t odd;         /* of taps[0], when last told */
	bool keep_learning;   /* a sweep is under way: scans leave the probes attached */
	bool text_format, utc, one_file_system, find_links;
	bool wants_contents;
	enum arguments_shown arguments;
	bool held;            /* records wait: names are not known yet */
	const char *found;    /* why a scan reports what it finds, NULL: it does not */
	bool need_room;       /* the hash is, or soon will be, full */
	uint64_t insert_failed; /* first failed inheritance not yet mended, 0 none */
	bool unheard_told;    /* the gap that such made before the switch */
};

struct session_options {
	const char *stream;  /* random */
	const char *boot_id;
	const char *host;    /* JSON object */
	const char *labels;  /* JSON object */
	const char *seed;    /* SESSION_SEED_SIZE random bytes */
	bool text_format, utc, one_file_system, find_links;
	enum arguments_shown arguments;
};

int session_init(struct session *session, const struct session_options *options);
void session_deinit(struct session *session);

/* Read from one more set of attached programs; `entries` is its hash's room.
 * The first is in force at once, a second after session_switch(). */
int session_tap(struct session *session, const struct tap_maps *maps, size_t pages,
		uint64_t entries, const char *const learn_functions[SESSION_LEARN],
		int learn_program);

/* The second set takes over from now on; its predecessor's programs must be
 * detached before the next session_pump(). */
int session_switch(struct session *session);

/* Between these two, scans may run. */
int session_scan_begin(struct session *session);
int session_scan_end(struct session *session);

/* While held, records are read and wait: a scan has not told their names yet. */
void session_hold(struct session *session, bool hold);

/* Watch the tree or the file at the absolute path `path`, or the name if it
 * does not exist yet. -ENOSPC: the hash is full. */
int session_watch(struct session *session, const char *path);

/* roots.c: what is watched by its own path, as that is now, each with a NUL. */
int session_roots(struct session *session, struct buffer *ret);

/* Names that match this pattern are not wanted (exclude.h). */
int session_exclude(struct session *session, const char *pattern);

/* What is scanned at or below `path` from now on lies in these blind spots (spots.h). */
int session_spot(struct session *session, const char *path, uint32_t bits);

/* What we do to this file, or in this directory at any depth, is not to be told. Within a
 * scan. -EMFILE: these are too many. */
int session_own(struct session *session, int descriptor);

/* Search for the other names of watched files, where `find_links` was given. */
int session_find_links(struct session *session);

/* Find what is open for writing, or mapped so, since before the monitor (`tell`: in
 * records), or since before the hash that is being filled. */
int session_find_older(struct session *session, bool tell);

/* Empty the hash: the programs stay attached and have nothing to say. */
int session_watch_nothing(struct session *session);

/* session_canary.c: put the canary's directory in the hash. Within a scan. */
int session_watch_canary(struct session *session, const char *path);

/* session_keys.c: look for the keys of the next `count` inodes; how many of those looked
 * for at the last call somebody has taken out of the hash. `over`: the last inode was
 * among them, the next call begins anew. */
uint64_t session_check_keys(struct session *session, unsigned count, bool *over);

/* Wait at most `timeout_ms`, read the rings, render what is old enough; with
 * `final` everything there is. The lines are in session->out. */
int session_pump(struct session *session, int timeout_ms, bool final);

/* Join repeats (repeat.h), and tell at most `rate` records a second of one process
 * (rate.h), 0 no limit. -ENOMEM */
int session_limit(struct session *session, bool join, unsigned rate);

/* Render a record of another kind; `members` is JSON, `message` for people. */
int session_emit(struct session *session, const char *kind, struct bytes members,
		 struct bytes message);

uint64_t session_counted(const struct session *session, enum session_count count);

#endif
