/* SPDX-License-Identifier: GPL-2.0-only
 *
 * session_mount.h - mount acts: what a hook saw begin, what the mount table shows
 * to have happened, and the record that the two give together.
 *
 *	hook ──► act (session_act.c) ──────────┐
 *	                                       ├──► at the same place: a record
 *	mountinfo ──► change (session_change.c)┘    (session_mount.c)
 *
 * The hooks run before the act, so that an act alone tells nothing: one that is
 * over and left no change has failed. A change without an act (its record was
 * lost, or no hook saw it) is told as found. One act gives one record, for the
 * place it named; what came or went below that place is part of it.
 *
 * An act in another mount namespace is looked for in the mountinfo of its
 * process, or of the parent if that is in there too; where both have gone, what
 * became of it is not known, and said so.
 *
 * Private to these three.
 */
#ifndef FIM_SESSION_MOUNT_H
#define FIM_SESSION_MOUNT_H

#include "session_parts.h"

/* What was done and undone shows no change, and the record that says so is near. */
#define ACT_NEAR_NS 1000000000ull

struct session_act {
	struct session_act *next; /* the next older one */
	struct fim_event *event;
	struct bytes point; /* `.data` NULL: not said by the hook */
	uint64_t until;
	uint64_t told; /* when, 0 not */
	bool relevant; /* it touches what is watched; else perhaps its change does */
	bool undone;   /* mounts had changed since, and were what they were before */
};

struct session_change {
	struct session_change *next;
	struct mount mount; /* its texts are in `text` */
	struct bytes at;    /* where the act that did it says that it is */
	uint64_t since;
	enum fim_operation op;
	bool moved, options;
	bool reused;  /* not moved: the numbers were given out again */
	bool covered; /* what is watched has been adapted */
	bool settled;
	char text[];
};

/* An act that is over leaves the list some time after `until`. */
struct session_act *act_add(struct session *session, const struct fim_event *event,
			    struct bytes point, bool relevant);
void act_free(struct session_act *act);

/* The youngest act that did it and is not told. */
struct session_act *act_of(struct session *session, const struct session_change *change);
/* Whether it is part of an act that was told: below its place, or the options of
 * a file system that is mounted more than once. */
bool act_explains(const struct session *session, const struct session_change *change);
/* An older act that undoes, or is undone by, this one. */
struct session_act *act_opposite(const struct session_act *act);
bool act_is_elsewhere(const struct session *session, const struct fim_event *event);
/* Whether the thread has returned from the call. One that is running cannot be
 * asked, and is asked again. */
bool act_is_over(const struct fim_event *event);
/* The record; `path` may be another than the act's own place. */
void act_tell(struct session *session, struct session_act *act, enum fim_operation op,
	      struct bytes path, const struct mount *mount, enum view_result result);

/* Whether the kernel says that mounts have changed. */
bool changes_poked(const struct session *session);
/* Read the mount table anew and add what is different. */
void changes_compare(struct session *session);
/* Adapt what is watched to what is new. */
void changes_cover(struct session *session);
void changes_drop_settled(struct session *session);
void changes_deinit(struct session *session);

#endif
