// SPDX-License-Identifier: GPL-2.0-only
#include "traits.h"

#include "decode.h"
#include "json.h"
#include "record.h"

#define SECOND 1000000000
#define SIZE_MAX_KNOWN ((1ull << 47) - 1)

#define BIT(NAME) (1u << TRAIT_##NAME)
#define CONTENT (BIT(SIZE) | BIT(MTIME) | BIT(CTIME))
#define ANYTHING (~0u)

static uint64_t size_known(uint64_t size)
{
	return size < SIZE_MAX_KNOWN ? size : SIZE_MAX_KNOWN;
}

void traits_of_stat(const struct stat *st, uint32_t generation, struct traits *ret)
{
	*ret = (struct traits){
		.mtime = (int64_t)st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec,
		.ctime = (int64_t)st->st_ctim.tv_sec * SECOND + st->st_ctim.tv_nsec,
		.size = size_known((uint64_t)st->st_size),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = (uint32_t)st->st_nlink,
		.generation = generation,
	};
}

void traits_of_file(const struct fim_file *file, struct traits *ret)
{
	*ret = (struct traits){
		.mtime = file->mtime_sec * SECOND + file->mtime_nsec,
		.ctime = file->ctime_sec * SECOND + file->ctime_nsec,
		.size = size_known(file->size),
		.mode = file->mode,
		.uid = file->uid,
		.gid = file->gid,
		.nlink = file->nlink,
		.generation = file->generation,
	};
}

// --- comparing ---------------------------------------------------------

static int64_t value_of(const struct traits_of *of, enum trait trait)
{
	const struct traits *t = &of->traits;
	const int64_t values[TRAIT_END] = {
		[TRAIT_INODE] = (int64_t)of->id.ino, [TRAIT_TYPE] = t->mode & S_IFMT,
		[TRAIT_MODE] = t->mode & 07777,      [TRAIT_UID] = t->uid,
		[TRAIT_GID] = t->gid,                [TRAIT_SIZE] = t->size,
		[TRAIT_MTIME] = t->mtime,            [TRAIT_CTIME] = t->ctime,
		[TRAIT_NLINK] = t->nlink,            [TRAIT_GENERATION] = t->generation,
	};

	return values[trait];
}

static uint32_t compared(const struct traits *before, const struct traits *after)
{
	uint32_t which = ANYTHING;

	if (!before->generation || !after->generation)
		which &= ~BIT(GENERATION);
	if (S_ISDIR(before->mode) && S_ISDIR(after->mode))
		which &= ~(BIT(SIZE) | BIT(NLINK) | (before->moving ? CONTENT : 0));
	return which;
}

uint32_t traits_differ(const struct traits *before, const struct traits *after)
{
	uint32_t mode = before->mode ^ after->mode; // asked for every record: no loop
	uint32_t which = (mode & S_IFMT ? BIT(TYPE) : 0) |
			 (mode & 07777 ? BIT(MODE) : 0) |
			 (before->uid != after->uid ? BIT(UID) : 0) |
			 (before->gid != after->gid ? BIT(GID) : 0) |
			 (before->size != after->size ? BIT(SIZE) : 0) |
			 (before->mtime != after->mtime ? BIT(MTIME) : 0) |
			 (before->ctime != after->ctime ? BIT(CTIME) : 0) |
			 (before->nlink != after->nlink ? BIT(NLINK) : 0) |
			 (before->generation != after->generation ? BIT(GENERATION) : 0);

	return which & compared(before, after);
}

// What an operation is known to change beside what it is named for. A `modify` is
// told before its data is in.
static const uint32_t explained[FIM_OPERATION_END] = {
	[FIM_OP_CREATE] = ANYTHING,
	[FIM_OP_MKDIR] = ANYTHING,
	[FIM_OP_MKNOD] = ANYTHING,
	[FIM_OP_SYMLINK] = ANYTHING,
	[FIM_OP_LINK] = BIT(NLINK) | BIT(CTIME),
	[FIM_OP_UNLINK] = BIT(NLINK) | BIT(CTIME),
	[FIM_OP_RMDIR] = ANYTHING,
	[FIM_OP_RENAME] = BIT(CTIME) | BIT(MTIME), // of a directory, for its ".."
	[FIM_OP_CLOSE] = CONTENT,
	[FIM_OP_TRUNCATE] = CONTENT,
	[FIM_OP_CHMOD] = BIT(MODE) | BIT(CTIME),
	[FIM_OP_CHOWN] = BIT(UID) | BIT(GID) | BIT(MODE) | BIT(CTIME),
	[FIM_OP_UTIMES] = BIT(MTIME) | BIT(CTIME),
	[FIM_OP_SETXATTR] = BIT(MODE) | BIT(CTIME), // an ACL has the mode in it
	[FIM_OP_REMOVEXATTR] = BIT(CTIME),
	[FIM_OP_SETFLAGS] = BIT(CTIME),
};

uint32_t traits_unexplained(const struct traits *known, const struct fim_event *event)
{
	struct traits now;
	uint32_t which;

	traits_of_file(&event->file, &now);
	if (!known || !known->mode || now.ctime < known->ctime)
		return 0;
	which = traits_differ(known, &now) & ~explained[event->op];
	if (S_ISDIR(now.mode) || known->moving || event->flags & FIM_EVENT_UNTOLD)
		which &= ~CONTENT;
	return which;
}

static bool begins_moving(const struct fim_event *event)
{
	return event->op == FIM_OP_MODIFY || event->op == FIM_OP_MMAP;
}

void traits_learn(const struct traits *known, const struct fim_event *event, struct traits *ret)
{
	bool was = known && known->mode;

	traits_of_file(&event->file, ret);
	if (was && ret->ctime < known->ctime)
		*ret = *known; // it was looked at since
	if (was && event->op != FIM_OP_CLOSE && !(explained[event->op] == ANYTHING))
		ret->moving = known->moving;
	if (begins_moving(event))
		ret->moving = 1;
}

// --- writing -----------------------------------------------------------

static void put_ino(struct buffer *out, int64_t value)
{
	json_number_text(out, (uint64_t)value);
}

static void put_type(struct buffer *out, int64_t value)
{
	json_string(out, record_file_type((uint32_t)value));
}

static void put_mode(struct buffer *out, int64_t value)
{
	json_mode(out, (uint32_t)value);
}

static void put_owner(struct buffer *out, int64_t value)
{
	value == FIM_UNSET ? json_null(out) : json_unsigned(out, (uint64_t)value);
}

static void put_number(struct buffer *out, int64_t value)
{
	json_unsigned(out, (uint64_t)value);
}

static void (*const put[TRAIT_END])(struct buffer *out, int64_t value) = {
	[TRAIT_INODE] = put_ino,     [TRAIT_TYPE] = put_type,
	[TRAIT_MODE] = put_mode,     [TRAIT_UID] = put_owner,
	[TRAIT_GID] = put_owner,     [TRAIT_SIZE] = put_number,
	[TRAIT_MTIME] = json_time_ns, [TRAIT_CTIME] = json_time_ns,
	[TRAIT_NLINK] = put_number,  [TRAIT_GENERATION] = put_number,
};

static const char *const words[] = {
#define TRAIT_WORD(NAME, word) [TRAIT_##NAME] = word,
	TRAITS(TRAIT_WORD)
#undef TRAIT_WORD
};

void traits_changed_json(const struct traits_of *before, const struct traits_of *after,
			 uint32_t which, struct buffer *out)
{
	json_begin_object(out);
	for (enum trait trait = 0; trait < TRAIT_END; trait++) {
		if (!(which & 1u << trait))
			continue;
		json_key(out, words[trait]);
		json_begin_object(out);
		json_key(out, "before");
		put[trait](out, value_of(before, trait));
		json_key(out, "after");
		put[trait](out, value_of(after, trait));
		json_end_object(out);
	}
	json_end_object(out);
}

void traits_changed_text(uint32_t which, struct buffer *out)
{
	const char *comma = "";

	for (enum trait trait = 0; trait < TRAIT_END; trait++) {
		if (!(which & 1u << trait))
			continue;
		buffer_format(out, "%s%s", comma, words[trait]);
		comma = ", ";
	}
}

void traits_file_json(const struct traits_of *of, struct buffer *out)
{
	json_begin_object(out);
	json_key(out, "dev");
	json_dev(out, of->id.over ? of->id.over : of->id.dev);
	for (enum trait trait = 0; trait < TRAIT_GENERATION; trait++) {
		json_key(out, words[trait]);
		put[trait](out, value_of(of, trait));
	}
	json_end_object(out);
}
