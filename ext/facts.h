/* SPDX-License-Identifier: GPL-2.0-only
 *
 * facts.h - what the baseline knows of one inode, and how that is packed.
 *
 *	| head: FACTS_HEAD numbers, u64 little endian | tail: what else there is |
 *	tail: | attribute u8 | length u32 | bytes | attribute u8 | ...
 *
 * The head is what one fstatat(2) says, so that two packed facts that begin
 * with the same head are of an inode that nobody touched: ctime is in it. The
 * tail is in the order of the table, and what there is none of is not in it.
 *
 * The table is the only list of attributes: scanner, comparison, report and
 * documentation go by it (fim/facts.py).
 */
#ifndef FIM_FACTS_H
#define FIM_FACTS_H

#include <stdint.h>
#include <sys/stat.h>

#include "buffer.h"

/* X(NAME, word, letter, form, compared)
 *
 * form: how its bytes are to be shown. compared: `always`; `never` (the device
 * number of a disk may change with any boot); `content`, not of a directory,
 * whose size is the file system's affair; `follows`, of a directory only as far
 * as names that came or went in it do not explain it. */
#define FACTS_HEAD_ATTRIBUTES(X)                                \
	X(DEV, "dev", 'd', "dev", "never")                      \
	X(INO, "ino", 'i', "text", "always")                    \
	X(TYPE, "type", 'f', "type", "always")                  \
	X(MODE, "mode", 'p', "mode", "always")                  \
	X(UID, "uid", 'u', "number", "always")                  \
	X(GID, "gid", 'g', "number", "always")                  \
	X(SIZE, "size", 's', "number", "content")               \
	X(MTIME, "mtime", 'm', "time", "follows")               \
	X(CTIME, "ctime", 'c', "time", "follows")               \
	X(NLINK, "nlink", 'n', "number", "follows")             \
	X(RDEV, "rdev", 'r', "dev", "always")

#define FACTS_TAIL_ATTRIBUTES(X)                                \
	X(FLAGS, "flags", 'e', "flags", "always")               \
	X(TARGET, "target", 'l', "name", "always")              \
	X(HASH, "hash", 'h', "hex", "always")                   \
	X(ACL, "acl", 'a', "acl", "always")                     \
	X(DEFAULT_ACL, "default_acl", 'A', "acl", "always")     \
	X(LABEL, "selinux", 'S', "name", "always")              \
	X(CAPABILITY, "capability", 'C', "base64", "always")    \
	X(XATTR, "xattrs", 'x', "xattr", "always")              \
	X(UNREADABLE, "unreadable", '!', "errno", "never")      \
	X(UNSTABLE, "unstable", '~', "mark", "never")

enum facts_attribute {
#define FACTS_NUMBER(NAME, word, letter, form, compared) FACTS_##NAME,
	FACTS_HEAD_ATTRIBUTES(FACTS_NUMBER)
	FACTS_HEAD,
	FACTS_BEFORE_TAIL = FACTS_HEAD - 1,
	FACTS_TAIL_ATTRIBUTES(FACTS_NUMBER)
#undef FACTS_NUMBER
	FACTS_END
};

#define FACTS_HEAD_SIZE (FACTS_HEAD * sizeof(uint64_t))

/* The device as the kernel numbers it, as in an event. */
uint32_t facts_dev(dev_t dev);

/* Start `out` anew with the head. */
void facts_head(const struct stat *st, struct buffer *out);

/* One of the tail; in the order of the table. */
void facts_add(enum facts_attribute attribute, struct bytes value, struct buffer *out);
void facts_add_number(enum facts_attribute attribute, uint32_t value, struct buffer *out);

#endif
