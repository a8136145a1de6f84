/* SPDX-License-Identifier: GPL-2.0-only
 *
 * session_parts.h - what the files of a session (session.h) ask of each other
 */
#ifndef FIM_SESSION_PARTS_H
#define FIM_SESSION_PARTS_H

#include "session.h"

/* session_clock.c: read the clocks; once a second, tell what was set and what the
 * kernel side could not follow. */
void clocks_measure(struct session *session);
void clocks_refresh(struct session *session, uint64_t now);

/* session_taps.c: whether a record of this tap counts while two sets are attached;
 * the first set's programs are detached, its successor is the first now. */
bool taps_accept(struct session *session, const struct fim_event *event, unsigned tap);
void taps_drop_predecessor(struct session *session);

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
/* session_content.c: whether the event may mean another content; the inode that has its
 * path now, and the one that had it before, zeroes: none; note it with its path, when its
 * record was emitted last. */
struct content_inode {
	uint64_t ino;
	uint32_t dev, generation;
};
struct content_inodes {
	struct content_inode now, before;
};
bool content_is_wanted(const struct session *session, const struct fim_view *view);
struct content_inodes content_inodes(const struct fim_event *event);
void content_add(struct session *session, const struct content_inodes *inodes, struct bytes path);
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
/* A record is about to be applied: what acts before it have changed comes first, since
 * it decides what is watched. */
void mounts_follow(struct session *session);
/* Look for changes; every record older than `until` was applied. */
void mounts_look(struct session *session, uint64_t until);

/* roots.c: this path is asked for; one at or above it was renamed; whether one was given
 * by this path, and has not come to it by being renamed; whether a mount
 * at `path` covers, or lies in, what was asked for. */
int roots_add(struct session *session, struct bytes path);
int roots_renamed(struct session *session, struct bytes from, struct bytes to);
bool roots_asked(const struct session *session, struct bytes path);
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
/* The keys of all, those that are not there. */
void devices_restore(struct session *session);
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

/* awaited.c: a name that a visit has found of what had its key before, by inheriting it, by
 * another name, or by the number of another. Its record is on its way, or there is none: it is
 * `found` when every record older than the visit was applied and none has told of it. */
void awaited_add(struct session *session, const struct scan_entry *entry);
void awaited_settle(struct session *session, uint64_t until);

/* above.c: the directories above the root at `path`, an absolute path, are in
 * the hash, so that their renaming is a record. -ENOSPC. */
int above_watch(struct session *session, const char *path);

/* The directory at `from` is at `to` now: so is what is watched below it. */
void above_renamed(struct session *session, struct bytes from, struct bytes to);

/* session_root.c: what a record that was applied means for the directories asked for. */
void root_event(struct session *session, const struct fim_view *view);

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
/* Whether it is a file that we write to, or in a directory of such at any depth. */
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

/* session_going.c: the key goes when no record can need it any more; those go now that
 * are so far, every record older than `until` being applied; whether some did then. */
void going_add(struct session *session, const struct fim_id *id);
void going_settle(struct session *session, uint64_t until);
bool going_met(const struct session *session, uint64_t time);
void going_deinit(struct session *session);

/* Take every inode of a device out of the hash and the table. */
void apply_drop_device(struct session *session, uint32_t dev);
/* Take one key out of the hash, at once. */
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
