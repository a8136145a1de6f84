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
#define SESSION_TWIN_NS 5000000ull

/* A way by which inodes are reached (fim_id.over). */
struct session_way {
	uint32_t over;
	bool subvolume; /* to files of its own, else to those of a layer */
};
#define SESSION_REMOVED 1024
#define SESSION_OWN 4

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
	struct buffer contents; /* to be read: the seq of a record, a path with a NUL */
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
	struct session_act *acts;       /* session_mount.c */
	struct session_change *changes;
	struct session_cover *covers;   /* session_cover.c */
	struct session_device *devices; /* session_device.c */
	struct session_dropped dropped[SESSION_DROPPED];
	unsigned dropped_count; /* ever */
	struct fim_id *unread; /* directories in the hash whose contents are not */
	size_t unread_count, unread_room;
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

/* What we do to this file, or in this directory, is not to be told. Within a scan. */
int session_own(struct session *session, int descriptor);

/* Search for the other names of watched files, where `find_links` was given. */
int session_find_links(struct session *session);

/* Find what is open for writing, or mapped so, since before the monitor. */
int session_find_older(struct session *session);

/* Empty the hash: the programs stay attached and have nothing to say. */
int session_watch_nothing(struct session *session);

/* session_canary.c: put the canary's directory in the hash. Within a scan. */
int session_watch_canary(struct session *session, const char *path);

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

/* Private to session*.c, apply.c and resolve.c from here on. */

/* session_emit.c */
void emit_event(struct session *session, struct fim_view *view);
void emit_found(struct session *session, struct bytes path, const struct fim_id *id, mode_t mode,
		const char *reason);
void emit_error(struct session *session, struct bytes where, const char *message);
void emit_withheld(struct session *session, const char *reason, struct bytes path,
		   uint64_t count, uint64_t since);
/* A gap of which nobody knows how many records are missing. */
void emit_unheard(struct session *session, uint64_t since, uint64_t until, const char *reason);
void session_on_gap(void *context, const struct tap_gap *gap);

/* session_canary.c: a record of the canary's */
void canary_heard(struct session *session, const struct fim_event *event);
/* session_content.c: whether the event may mean another content; the path of one
 * that does, whose record was emitted last. */
bool content_is_wanted(const struct session *session, const struct fim_view *view);
void content_add(struct session *session, struct bytes path);
/* session_attempt.c: an act that failed. */
void attempt_event(struct session *session, struct fim_event *event);

/* session_links.c: a file with several names was scanned. */
int links_note(struct session *session, const struct scan_entry *entry);

/* session_mount.c: records of mount acts wait until the mount table shows them */
int mounts_init(struct session *session);
void mounts_deinit(struct session *session);
int mounts_read(struct session *session);
void mounts_refresh(struct session *session);
bool mounts_is_act(const struct fim_event *event);
void mounts_act(struct session *session, const struct fim_event *event);
/* Look for changes; every record older than `until` was applied. */
void mounts_look(struct session *session, uint64_t until);

/* roots.c: this path is asked for; one at or above it was renamed; whether a mount
 * at `path` covers, or lies in, what was asked for. */
int roots_add(struct session *session, struct bytes path);
int roots_renamed(struct session *session, struct bytes from, struct bytes to);
bool roots_touch(const struct session *session, struct bytes path);
void roots_deinit(struct session *session);

/* session_cover.c: what is watched once a mount has come, gone or moved (also with
 * a directory above it). `reused`: its numbers were given to
 * another. */
void cover_appeared(struct session *session, const struct mount *mount);
void cover_gone(struct session *session, const struct mount *mount, bool reused);
void cover_moved(struct session *session, const struct mount *from, struct bytes to);
void cover_deinit(struct session *session);
/* Whether a record is of a key that had outlived its file system. */
bool cover_is_stale(struct session *session, const struct fim_event *event);

/* session_device.c: something on the device `dev` is watched; or nothing any more,
 * and whether there was */
void devices_add(struct session *session, uint32_t dev);
bool devices_remove(struct session *session, uint32_t dev);
void devices_deinit(struct session *session);
/* What the opening of a block device, or of a file as one, means: into the view. */
void devices_opened(struct session *session, struct fim_view *view);

/* session_watch.c: the taps are read, the maps in force are the newest tap's;
 * what appeared by the act in `view` is scanned. */
int session_drain(struct session *session);
/* session_scan_begin() with the mounts as they were last looked at; the probes
 * that are attached already stay. And its end, for the table is no newer. */
int session_learn(struct session *session);
int session_unlearned(struct session *session);
void session_unlearn(struct session *session);
/* The thread whose stats the kernel tells of, and marks with these flags. */
int session_scanner(struct session *session, uint32_t tid, uint32_t mark);
struct tap *session_newest(const struct session *session);
void watch_appeared(struct session *session, const struct fim_view *view);

/* Have the kernel inherit what appears by this name. */
int watch_wanted(struct session *session, const struct fim_id *dir, const char *name);

/* A directory came with contents that nobody has read. It is read once every
 * record that is there was applied, and again until that succeeds: meanwhile it
 * may have been renamed, and only the records yet to come say where to. */
void session_unread(struct session *session, const struct fim_id *id);
void watch_unread(struct session *session);

/* above.c: the directories above the root at `path`, an absolute path, are in
 * the hash, so that their renaming is a record. -ENOSPC. */
int above_watch(struct session *session, const char *path);

/* The directory at `from` is at `to` now: so is what is watched below it. */
void above_renamed(struct session *session, struct bytes from, struct bytes to);

/* What is left to do after a record was rendered. */
enum apply_after {
	APPLY_NOTHING = 0,
	APPLY_SCAN = 1,   /* a wanted name appeared */
	APPLY_LET_GO = 2, /* the inode went out of what is watched */
};

/* Change the inode table by what the record says happened. */
unsigned apply_event(struct session *session, const struct fim_event *event);

/* An inode could not be inherited at this time: the hash was full. */
void session_insert_failed(struct session *session, uint64_t time);

/* session_whiteout.c: the record of the device that a rename has left, to be freed;
 * NULL for want of memory. */
struct fim_event *whiteout_left(const struct fim_event *rename);

/* withhold.c: whether a record is kept back; then it is counted and over. Else its
 * identities have the way that it came. */
bool withhold_event(struct session *session, struct fim_event *event);
/* Whether a name is one that --exclude means. */
bool withhold_name(struct session *session, const struct fim_id *dir, struct bytes name);
void withhold_count(struct session *session, enum session_withheld kind, uint64_t time);
/* Whether it is a file that we write to, or in a directory of such. */
bool session_is_own(const struct session *session, const struct fim_id *id);
/* Tell what was counted. */
void withhold_tell(struct session *session, uint64_t now, bool final);

/* Whether a record is about a name that nobody asked for, in a directory of
 * which only some names are watched. */
bool apply_is_withheld(const struct session *session, const struct fim_event *event);

/* Stop watching an inode and what is only known below it. */
void apply_let_go(struct session *session, const struct fim_id *id);

/* The same for what a record says went out; not if a scan has looked since. */
void apply_went_out(struct session *session, const struct fim_event *event,
		    const struct fim_id *id);

/* Take every inode of a device out of the hash and the table. */
void apply_drop_device(struct session *session, uint32_t dev);
/* Take one key out of the hash. */
void apply_drop_key(struct session *session, const struct fim_id *id);
/* Whether this name was asked for. */
bool apply_wants(const struct session *session, const struct fim_id *dir, struct bytes name);

/* The host's path of a mount act's mount point, in session->text[1]. */
struct bytes resolve_mountpoint(struct session *session, const struct fim_event *event);

/* session_way.c: a scan has seen one; -1 no memory. */
int way_seen(struct session *session, uint32_t over, bool subvolume);

/* `id` by each other way; start with *at = 0. The second: by those only that
 * lead to the same file. */
bool way_next(const struct session *session, size_t *at, const struct fim_id *id,
	      struct fim_id *ret);
bool way_to_same(const struct session *session, size_t *at, const struct fim_id *id,
		 struct fim_id *ret);

/* Whether the inode table knows it by another way. */
bool way_other_knows(const struct session *session, const struct fim_id *id);

/* The identity by which it is known, if it is by another way only. */
void way_find(const struct session *session, struct fim_id *id);

/* The device of the mount that it is seen through. */
uint32_t way_device(const struct session *session, const struct fim_id *id);

/* Whether it is one of btrfs's subvolumes, not an overlay. */
bool way_is_subvolume(const struct session *session, uint32_t over);

/* Every identity of the event is by this way. */
void way_set(struct fim_event *event, uint32_t over);

/* The numbers that stat shows for what is acted on, if they are others. */
void way_stat(struct session *session, const struct fim_event *event, struct fim_view *ret);

/* session_subvolume.c: whether the file system has subvolumes with inodes of the
 * same number. */
bool subvolume_has(const struct fim_file *file);

/* Whether a record is about another subvolume than the one that is watched. Its
 * identities get the way that it came. */
bool subvolume_is_foreign(struct session *session, struct fim_event *event);

/* An inode there has lost its last name. */
void subvolume_removed(struct session *session, const struct fim_id *id);

/* session_overlay.c: a lower file has become an upper one. */
void overlay_copied_up(struct session *session, const struct fim_event *event);

/* Apply an event to the names that the same directories have by other ways. */
void overlay_mirror(struct session *session, struct fim_event *event);

/* What stat says of a merged file: numbers of overlayfs's own. */
void overlay_stat(struct session *session, const struct fim_event *event,
		  struct fim_view *ret);

/* The host's path that the walk alone gives for what is acted on, with a NUL, in
 * a room of EVENT_PATH_SIZE; false where it was cut or lies elsewhere. */
bool resolve_walk(struct session *session, const struct fim_event *event, char *room);

/* Fill the view from the record, the inode table and the mounts. */
void resolve_event(struct session *session, const struct fim_event *event,
		   struct fim_view *ret);

#endif
