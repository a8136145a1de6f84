/* SPDX-License-Identifier: GPL-2.0-only
 *
 * decode.h - from the bytes of one raw record to a struct fim_event that can
 * be trusted, and the texts that follow it.
 *
 * fim_decode() is the only gate: everything else here, and record.h, relies on
 * what it has checked and on nothing more.  It copies nothing; the event lives
 * where the bytes live.  Any bytes are safe to give it (tests/fuzz).
 *
 * What is checked: the size, the abi, the operation, `matched`, and of each
 * text its state, that its bytes lie behind the struct and within the size,
 * that an absent one has no bytes, and of each walk that its names are as many
 * as its NULs and end in one.  What is not: numbers that any file system may
 * hold (times, modes), unknown flags, `comm` and `tty` (use event_comm()).
 */
#ifndef FIM_DECODE_H
#define FIM_DECODE_H

#include "bytes.h"
#include "event.h"

/* `bytes` is 8-byte aligned (copy it out of the ring first) and `length` is
 * what the ring gave: at least the record's own size, often more.
 * -EPROTO: made by another version of bpf_c/; -EINVAL: malformed. */
int fim_decode(const void *bytes, size_t length, const struct fim_event **ret);

/* The contract's word for an operation, NULL for an unknown number. */
const char *event_op_word(unsigned op);

/* The errno of an act that failed, 0 of one that did not. */
unsigned event_error(const struct fim_event *event);

/* Whether it makes, moves or removes a name, rather than changes an inode. */
bool event_is_of_name(const struct fim_event *event);

/* The bytes of a text, NULs included; `.data` NULL when it is absent. */
struct bytes event_text(const struct fim_event *event, enum fim_text_slot slot);

/* Whether a text is all there: present and neither cut nor unreadable. */
bool event_text_whole(const struct fim_event *event, enum fim_text_slot slot);

struct bytes event_comm(const struct fim_event *event);
struct bytes event_tty(const struct fim_event *event);

/* What is in a text made of strings with a NUL each (walks, CGROUP, ARGS):
 *
 *	struct bytes rest = event_text(event, FIM_TEXT_PATH), name;
 *	while (text_next(&rest, &name))
 *		...
 *
 * A last one without its NUL (ARGS, cut) is given too; a name may be empty. */
bool text_next(struct bytes *rest, struct bytes *ret);

/* The leaf of a walk, that is its first name; `.data` NULL when it has none. */
struct bytes event_leaf(const struct fim_event *event, enum fim_text_slot slot);

/* Enough for the path of any walk, NUL included. */
#define EVENT_PATH_SIZE 65536
#define EVENT_ALL_NAMES 255u

/* The path that a walk (or CGROUP) spells, of at most `names` names counted
 * from the leaf.  Leaf-first "leaf\0b\0a\0" becomes
 *
 *	"/a/b/leaf"	all names, and the walk is whole: absolute.  Without
 *			a name it is "/"
 *	"b/leaf"	names = 2, or the walk is not whole: relative to
 *			text[slot].end, never passed off as absolute
 *
 * With names == text[slot].root (when that is not FIM_ROOT_NOT_MET) it is the
 * path below the actor's own root, still without the leading slash unless
 * these are all names.
 * `buffer` is filled from its end, with a NUL behind; `ret` points into it.
 * -ENOENT: absent, or not whole and without names; -ENAMETOOLONG: `size` is
 * too small. */
int event_path(const struct fim_event *event, enum fim_text_slot slot,
	       unsigned names, char *buffer, size_t size, struct bytes *ret);

#endif
