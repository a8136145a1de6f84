/* SPDX-License-Identifier: GPL-2.0-only
 *
 * reconcile.h - what happened while nobody saw: a gap, a time of blindness.
 *
 *	reconcile.c: gaps, slices of work
 *	gap ──► sweep.c: which inodes were stamped since it began
 *	          ├──► look.c: is it what is known of it? ─┐
 *	          └──► reread.c: are its names?            ├─► doubts
 *	observe.c: what records do not account for ─┐      │
 *	                                            ▼      ▼
 *	                      verdict.c: `reconcile` records, then `gap_closed`
 *
 * A sweep does its work in slices between the drainings of the rings, and ends:
 * it passes once over what is known, reads a directory once for every round in
 * which another lost one was found, and once over the keys of the hash, with a
 * limit of steps: beyond it every directory is read. Gaps that come meanwhile are
 * served by the next one.
 *
 * Nothing is taken for a difference before every record older than the look was
 * applied; what a record of the time since changed is looked at again.
 *
 * Cannot tell: a change of extended attributes of an inode that has records of
 * its own since (its ctime is theirs), or of a directory whose names changed.
 */
#ifndef FIM_RECONCILE_H
#define FIM_RECONCILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "doubt.h"
#include "ids.h"
#include "inode_table.h"
#include "scan.h"
#include "traits.h"

/* A record may be stamped so long before it is in the ring. */
#define RECONCILE_SLACK_NS 10000000ull
/* A slice of work between two drainings of the rings. */
#define RECONCILE_SLICE_NS 5000000ull
/* While so many doubts wait, nothing more is looked at. */
#define RECONCILE_DOUBTS 4096
/* What keeps changing while it is looked at is undecided after so many looks. */
#define RECONCILE_TRIES 8
/* Differences that records did not account for, kept should a gap turn up: it may take a
 * round of the canary until a time of blindness is known to be over. */
#define RECONCILE_SUSPECTS 16384

/* Flag of the inode table: a directory to read, or read, in this sweep. */
#define INODE_SWEPT 0x80000u
/* A directory that has lost its name in this sweep: a root at its last path, until
 * it has another or is let go. */
#define INODE_FALLEN 0x40000u

struct session;

/* A hole in what was told. */
struct gap {
	uint64_t seq;    /* of its record */
	uint64_t since;  /* CLOCK_MONOTONIC, ns; 0 from ever */
	uint64_t opened; /* when it was declared */
};

/* What a record shows and none has told of. */
struct suspect {
	uint64_t time;  /* of the record, 0: there is none */
	uint32_t which; /* of its inode's traits ... */
	struct traits_of was, is;
	char *missing;  /* ... or a name that cannot be any more */
	char *come;     /* ... or one that nobody told has come, of `is` */
};

/* A directory being read. */
struct reread {
	DIR *stream;  /* NULL: none is */
	struct fim_id id;
	bool names_only;
	struct buffer path;
	struct buffer names; /* those known before, each with a NUL, to be asked for */
	size_t asked;
};

enum sweep_phase {
	SWEEP_IDLE,
	SWEEP_KNOWN,  /* every known inode: was it stamped? */
	SWEEP_OTHERS, /* keys that no inode is known by */
	SWEEP_DIRS,   /* read directories */
	SWEEP_ORPHANS, /* names in directories that are nowhere */
	SWEEP_AGAIN,  /* inodes that had no name when they were looked at */
	SWEEP_KEYS,   /* stamped keys that no name leads to */
	SWEEP_END,
};

/* As `gap_closed` has them. */
struct sweep_numbers {
	uint64_t checked, changed, undecided;
};

struct reconcile {
	struct session *session;
	struct gap *gaps; /* open; the first `served` are this sweep's */
	size_t gap_count, gap_room, served;
	uint64_t since; /* the first stamp that counts */
	uint64_t begun;
	bool whole;      /* this sweep asks for no stamps */
	bool next_whole; /* nor will the next */
	enum sweep_phase phase;
	struct inode_cursor cursor;
	struct ids dirs, lost, again, nameless;
	size_t found_before; /* verdicts on names when the round began */
	size_t verdicts;     /* on names */
	size_t found_again;  /* directories that were lost, and told of meanwhile */
	struct fim_id key; /* of the hash, looked at last ... */
	bool ahead;        /* ... or to be looked at: the one before it is gone */
	bool keys_over;    /* the last one is */
	bool rescan;       /* they were given up: every directory is read */
	uint64_t steps;
	struct reread reading;
	struct doubts doubts;
	struct scan scan;
	struct sweep_numbers numbers;
	struct suspect *suspects; /* RECONCILE_SUSPECTS, NULL: there was none yet */
	uint64_t suspect_gone;    /* time of the newest that there was no room for */
	struct suspect suspect;   /* of the record being applied */
	bool unnamed;             /* it is of no name, and by one that was not known */
	uint64_t suspect_count; /* ever */
	char path[INODE_PATH_SIZE + 256];
};

/* --- for those who know of a hole -------------------------------------- */

/* -ENOMEM */
int reconcile_init(struct session *session);
void reconcile_deinit(struct session *session);

/* Records are missing since `since`; `seq` is the number of the record that says
 * so, which is on its way out. What was stamped since then will be compared. */
void reconcile_gap(struct session *session, uint64_t seq, uint64_t since);

/* The same where stamps tell nothing: the hooks were silent, or another hash had
 * them. Everything watched will be compared with what is known of it. */
void reconcile_whole(struct session *session, uint64_t seq, uint64_t since);

/* Stamps of until now are gone: gaps that are open will be compared whole. */
void reconcile_stampless(struct session *session);

/* A slice of work; every record older than `until` was applied. */
void reconcile_step(struct session *session, uint64_t until);

/* Nothing more can be compared: gaps stay open. */
void reconcile_stop(struct session *session);

/* Whether the keys of the hash are being read: none should go meanwhile. One that goes all
 * the same: to be told before. */
bool reconcile_reads_keys(const struct session *session);
void reconcile_key_goes(struct session *session, const struct fim_id *key);

/* Whether there is work left. */
bool reconcile_busy(const struct session *session);

/* The sweep under way, or the next, reads this directory, too. */
void reconcile_read(struct session *session, const struct fim_id *dir);

/* --- observe.c: what records tell -------------------------------------- */

/* Before and after a record is applied to the inode table. */
void observe_before(struct session *session, const struct fim_event *event);
void observe_after(struct session *session, const struct fim_event *event);
/* Before a name that a scan has found is known: what it led to has others no more. */
void observe_named(struct session *session, const struct fim_id *dir, struct bytes name,
		   const struct traits_of *is);
/* What a scan saw, of an inode of which nothing is known. */
void observe_scanned(struct session *session, const struct fim_id *id, const struct stat *st,
		     uint32_t generation);
/* At this time it was seen that this path leads to it, and no record has told: if one was lost
 * then, it is new. */
void observe_come(struct session *session, const struct fim_id *id, struct bytes path,
		  uint64_t time);
/* What records did not account for since the gap began, once it is known. */
void observe_suspects(struct reconcile *r, const struct gap *gap);
void observe_forget(struct reconcile *r);

/* --- private to its parts ---------------- */

/* reuse.c: whether an inode is not the one that had its number. */
bool reuse_is_another(const struct traits *known, const struct traits *now);
/* Give `lost` the names of an inode that are not kept, or those of all that is below
 * it; it must take them out of the table. */
struct reuse {
	struct inode_table *inodes;
	void *context;
	void (*lost)(void *context, const struct fim_id *dir, struct bytes name,
		     const struct fim_id *child);
	bool (*keeps)(void *context, const struct fim_id *dir, struct bytes name); /* NULL: none */
};
void reuse_names(const struct reuse *reuse, const struct fim_id *id);
void reuse_children(const struct reuse *reuse, const struct fim_id *id);
/* All that is known of what had the number before: what is in it, its names, itself but for a
 * root. */
void reuse_all(const struct reuse *reuse, const struct fim_id *id);

/* sweep.c: a step of each phase; the entry of an inode in the hash; this directory
 * is to be read, unless it was. */
extern bool (*const sweep_steps[])(struct reconcile *r);
bool sweep_key(const struct reconcile *r, const struct fim_id *id, struct fim_watched *ret);
bool sweep_is_stamped(const struct reconcile *r, const struct fim_id *id);
void sweep_directory(struct reconcile *r, const struct fim_id *dir);
/* Also if it was read, and at whatever point the sweep is: there are new names in it. */
void sweep_directory_again(struct reconcile *r, const struct fim_id *dir);
/* It is not where it was known, or changes too fast: read once a record has told where it is. */
void sweep_read_later(struct reconcile *r, const struct fim_id *dir);
void sweep_key_goes(struct reconcile *r, const struct fim_id *key);

/* restore.c: where stamps tell nothing keys may be gone. That of a known inode is put
 * back, unless it is nowhere or excluded; and those of overlays, block devices and the
 * directories above what is watched. */
void restore_key(struct reconcile *r, const struct fim_id *id, uint32_t known);
void restore_others(struct reconcile *r);

/* look.c: what is at `name` now; -errno */
int look_at(struct reconcile *r, int at, const char *name, int flags, struct traits_of *ret);
/* The path of a name in a directory, or (`name.data` NULL) of the inode `dir`, with
 * a NUL; `.data` NULL where there is none, or another is mounted there that a
 * watch does not enter. In r->path. */
struct bytes look_path(struct reconcile *r, const struct fim_id *dir, struct bytes name);
/* An inode as it is now, by any of its names or as the root that it is. */
bool look_find(struct reconcile *r, const struct fim_id *id, struct traits_of *ret);
/* Whether every path of it is excluded, or below what is. */
bool look_covered(struct reconcile *r, const struct fim_id *id);
/* Compare an inode; false: no name leads to it. */
bool look_at_inode(struct reconcile *r, const struct fim_id *id);
/* A doubt about a name as it is now; false: its directory is not where it was. */
bool look_at_name(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		  struct doubt *ret);
void look_doubt(struct reconcile *r, const struct doubt *doubt);
bool look_wanted(struct reconcile *r, struct bytes path);

/* reread.c: begin to read a directory; false: it is not where it was. Go on, and
 * whether there is more. */
bool reread_begin(struct reconcile *r, const struct fim_id *dir);
bool reread_step(struct reconcile *r);
void reread_end(struct reconcile *r);

/* finding.c: what differs is told of a gap; what could be compared was. */
void finding_changed(struct reconcile *r, const struct gap *gap, struct bytes path, uint32_t which,
		     const struct traits_of *was, const struct traits_of *is);
/* It was so when that was seen; meanwhile records told more, and it is as `now`. */
void finding_changed_then(struct reconcile *r, const struct gap *gap, struct bytes path,
			  uint32_t which, const struct traits_of *was, const struct traits_of *is,
			  const struct traits_of *now);
void finding_new(struct reconcile *r, const struct gap *gap, struct bytes path, uint32_t which,
		 const struct traits_of *was, const struct traits_of *is);
void finding_lost(struct reconcile *r, const struct gap *gap, struct bytes path);
void finding_closed(struct reconcile *r, const struct gap *gap, uint64_t sweep);

/* verdict.c: those doubts that no record can explain any more. */
void verdict_settle(struct reconcile *r, uint64_t until);
/* A name is not there any more. */
void verdict_missing(struct reconcile *r, const struct fim_id *dir, struct bytes name,
		     const struct fim_id *child);
/* A directory that had fallen has a name again, or is let go. Whether it had. */
bool verdict_risen(struct session *session, const struct fim_id *dir);

#endif
