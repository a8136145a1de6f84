// SPDX-License-Identifier: GPL-2.0-only
#include "facts.h"

#include <endian.h>
#include <sys/sysmacros.h>

uint32_t facts_dev(dev_t dev)
{
	return (major(dev) << 20) | (minor(dev) & 0xfffff);
}

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)((int64_t)time->tv_sec * 1000000000 + time->tv_nsec);
}

void facts_head(const struct stat *st, struct buffer *out)
{
	uint64_t head[FACTS_HEAD] = {
		[FACTS_DEV] = facts_dev(st->st_dev),
		[FACTS_INO] = st->st_ino,
		[FACTS_TYPE] = st->st_mode & S_IFMT,
		[FACTS_MODE] = st->st_mode & ~(mode_t)S_IFMT,
		[FACTS_UID] = st->st_uid,
		[FACTS_GID] = st->st_gid,
		[FACTS_SIZE] = (uint64_t)st->st_size,
		[FACTS_MTIME] = nanoseconds(&st->st_mtim),
		[FACTS_CTIME] = nanoseconds(&st->st_ctim),
		[FACTS_NLINK] = st->st_nlink,
		[FACTS_RDEV] = facts_dev(st->st_rdev),
	};

	for (int i = 0; i < FACTS_HEAD; i++)
		head[i] = htole64(head[i]);
	buffer_reset(out);
	buffer_add(out, head, sizeof(head));
}

void facts_add(enum facts_attribute attribute, struct bytes value, struct buffer *out)
{
	uint32_t length = htole32((uint32_t)value.length);

	buffer_add_byte(out, (char)attribute);
	buffer_add(out, &length, sizeof(length));
	buffer_add(out, value.data, value.length);
}

void facts_add_number(enum facts_attribute attribute, uint32_t value, struct buffer *out)
{
	uint32_t number = htole32(value);

	facts_add(attribute, bytes_of((const char *)&number, sizeof(number)), out);
}
