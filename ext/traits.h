/* SPDX-License-Identifier: GPL-2.0-only
 *
 * traits.h - what is remembered of an inode, to be compared with what it is
 * after a time in which nobody saw.
 *
 * 40 bytes an inode. A size of 128 TiB and more is remembered as that. A
 * generation of 0 is not known, and equal to any.
 */
#ifndef FIM_TRAITS_H
#define FIM_TRAITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "buffer.h"
#include "event.h"

struct traits {
	int64_t mtime; /* ns since 1970 */
	int64_t ctime;
	uint64_t size : 47;
	/* Times and size have moved on since, as was told: a file is open that was
	 * modified, names came to or went from a directory. */
	uint64_t moving : 1;
	uint64_t mode : 16; /* 0: nothing is known of it */
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint32_t generation;
};

/* NAME, word */
#define TRAITS(X)                 \
	X(INODE, "ino")           \
	X(TYPE, "type")           \
	X(MODE, "mode")           \
	X(UID, "uid")             \
	X(GID, "gid")             \
	X(SIZE, "size")           \
	X(MTIME, "mtime")         \
	X(CTIME, "ctime")         \
	X(NLINK, "nlink")         \
	X(GENERATION, "generation")

enum trait {
#define TRAIT_ENUM(NAME, word) TRAIT_##NAME,
	TRAITS(TRAIT_ENUM)
#undef TRAIT_ENUM
	TRAIT_END
};

void traits_of_stat(const struct stat *st, uint32_t generation, struct traits *ret);
void traits_of_file(const struct fim_file *file, struct traits *ret);

/* What differs, as bits by enum trait (never INODE). Of a directory: neither its
 * size nor its links, and its times unless it is `moving`. */
uint32_t traits_differ(const struct traits *before, const struct traits *after);

/* What differs and the record does not account for, by its own operation or since
 * what it tells is older. */
uint32_t traits_unexplained(const struct traits *known, const struct fim_event *event);

/* What is known once the record is applied; `known` may be NULL. */
void traits_learn(const struct traits *known, const struct fim_event *event, struct traits *ret);

/* An inode with what is known of it. */
struct traits_of {
	struct fim_id id;
	struct traits traits;
};

/* The value of `changed`: {word: {"before", "after"}} for each bit; its words. */
void traits_changed_json(const struct traits_of *before, const struct traits_of *after,
			 uint32_t which, struct buffer *out);
void traits_changed_text(uint32_t which, struct buffer *out);
/* The value of `file`. */
void traits_file_json(const struct traits_of *of, struct buffer *out);

#endif
