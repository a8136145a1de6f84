/* SPDX-License-Identifier: GPL-2.0-only
 *
 * record_change.c - what an act on attributes changed: before and after, the
 * file flags, the extended attribute.
 */
#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "decode.h"
#include "json.h"
#include "record.h"

#define SECOND 1000000000

/* --- flags --- */

/* The VFS's own, of which these can be set; the numbers are those of every tree
 * from 3.10 to 7.3 (include/linux/fs.h), the words those of chattr(1). */
static const struct {
	uint32_t bit;
	const char *word;
} flags[] = {
	{1, "sync"},     {2, "noatime"}, {4, "append"},     {8, "immutable"},
	{64, "dirsync"}, {8192, "dax"},  {32768, "casefold"}, {65536, "verity"},
};
#define FLAG_COUNT (sizeof(flags) / sizeof(*flags))

uint64_t record_flags(const struct fim_file *file)
{
	uint64_t known = 0;

	for (size_t i = 0; i < FLAG_COUNT; i++)
		known |= flags[i].bit;
	return file->flags & known;
}

static void put_flags(struct buffer *out, uint64_t value)
{
	json_begin_array(out);
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (value & flags[i].bit)
			json_string(out, flags[i].word);
	json_end_array(out);
}

static void say_flags(struct buffer *out, uint64_t value)
{
	const char *comma = "";

	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (!(value & flags[i].bit))
			continue;
		buffer_format(out, "%s%s", comma, flags[i].word);
		comma = ",";
	}
	if (!*comma)
		buffer_add_string(out, "none");
}

/* --- the attributes, each with the operation that sets it --- */

static uint64_t size_of(const struct fim_file *file)
{
	return file->size;
}

static uint64_t mode_of(const struct fim_file *file)
{
	return file->mode & 07777;
}

static uint64_t uid_of(const struct fim_file *file)
{
	return file->uid;
}

static uint64_t gid_of(const struct fim_file *file)
{
	return file->gid;
}

static uint64_t mtime_of(const struct fim_file *file)
{
	return (uint64_t)file->mtime_sec * SECOND + file->mtime_nsec;
}

static void put_mode(struct buffer *out, uint64_t value)
{
	json_mode(out, (uint32_t)value);
}

static void put_owner(struct buffer *out, uint64_t value)
{
	value == FIM_UNSET ? json_null(out) : json_unsigned(out, value);
}

static void put_time(struct buffer *out, uint64_t value)
{
	json_time_ns(out, (int64_t)value);
}

static void say_number(struct buffer *out, uint64_t value)
{
	buffer_format(out, "%" PRIu64, value);
}

static void say_mode(struct buffer *out, uint64_t value)
{
	buffer_format(out, "%04o", (unsigned)value);
}

static void say_time(struct buffer *out, uint64_t value)
{
	record_when((int64_t)value, true, out);
}

typedef void write_value(struct buffer *out, uint64_t value);

static const struct attribute {
	unsigned op;
	const char *key;
	uint64_t (*of)(const struct fim_file *file);
	write_value *json, *text;
} attributes[] = {
	{FIM_OP_TRUNCATE, "size", size_of, json_unsigned, say_number},
	{FIM_OP_CHMOD, "mode", mode_of, put_mode, say_mode},
	{FIM_OP_CHOWN, "uid", uid_of, put_owner, say_number},
	{FIM_OP_CHOWN, "gid", gid_of, put_owner, say_number},
	{FIM_OP_UTIMES, "mtime", mtime_of, put_time, say_time},
	{FIM_OP_SETFLAGS, "flags", record_flags, put_flags, say_flags},
};
#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(*attributes))

/* Of the operation of this record, and not what it was. */
static bool has_changed(const struct attribute *a, const struct fim_event *event)
{
	return a->op == event->op && event->flags & FIM_EVENT_BEFORE &&
	       a->of(&event->file) != a->of(&event->other);
}

static bool is_of_attributes(unsigned op)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		if (attributes[i].op == op)
			return true;
	return false;
}

static void put_changed(const struct fim_event *event, struct buffer *out)
{
	json_key(out, "changed");
	json_begin_object(out);
	for (const struct attribute *a = attributes; a < attributes + ATTRIBUTE_COUNT; a++) {
		if (!has_changed(a, event))
			continue;
		json_key(out, a->key);
		json_begin_object(out);
		json_key(out, "before");
		a->json(out, a->of(&event->other));
		json_key(out, "after");
		a->json(out, a->of(&event->file));
		json_end_object(out);
	}
	json_end_object(out);
}

static void say_changed(const struct fim_event *event, struct buffer *out)
{
	for (const struct attribute *a = attributes; a < attributes + ATTRIBUTE_COUNT; a++) {
		if (!has_changed(a, event))
			continue;
		buffer_format(out, " (%s ", a->key);
		a->text(out, a->of(&event->other));
		buffer_add_string(out, " -> ");
		a->text(out, a->of(&event->file));
		buffer_add_byte(out, ')');
	}
}

/* --- extended attributes --- */

/* An ACL as getxattr(2) gives it, of the entries in the kernel: a header before them, and of
 * who needs no id -1 for whatever is there (include/uapi/linux/posix_acl_xattr.h). */
#define ACL_VERSION 2
#define ACL_WITH_ID (2 | 8) /* ACL_USER, ACL_GROUP */

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

static void add_acl(struct bytes entries, struct buffer *out)
{
	struct acl_entry entry;
	uint32_t version = htole32(ACL_VERSION);

	buffer_add(out, &version, sizeof(version));
	for (size_t i = 0; i + sizeof(entry) <= entries.length; i += sizeof(entry)) {
		memcpy(&entry, entries.data + i, sizeof(entry));
		entry.id = entry.tag & ACL_WITH_ID ? htole32(entry.id) : UINT32_MAX;
		entry.tag = htole16(entry.tag);
		entry.permissions = htole16(entry.permissions);
		buffer_add(out, &entry, sizeof(entry));
	}
}

/* Its name, and what the record has of its value; `.data` NULL: of an ACL from 6.2 to
 * 6.8, or it was removed. */
static struct bytes xattr_of(const struct fim_event *event, struct bytes *value)
{
	struct bytes rest = event_text(event, FIM_TEXT_TARGET), name = {NULL, 0};

	text_next(&rest, &name);
	*value = event->op == FIM_OP_SETXATTR && event->count && !event_error(event)
		? rest : bytes_of(NULL, 0);
	return name;
}

static void put_value(struct buffer *out, struct bytes value, uint64_t size)
{
	json_key(out, "size");
	json_unsigned(out, size);
	json_key(out, "value_b64");
	json_base64(out, value);
	json_key(out, "value_cut");
	json_bool(out, value.length < size);
}

static void put_acl(struct buffer *out, struct bytes entries, uint64_t bytes)
{
	struct buffer acl;

	buffer_init(&acl);
	add_acl(entries, &acl);
	put_value(out, buffer_bytes(&acl), bytes + sizeof(uint32_t));
	buffer_deinit(&acl);
}

static void put_xattr(const struct fim_event *event, struct buffer *out)
{
	struct bytes value, name = xattr_of(event, &value);

	json_key(out, "xattr");
	json_begin_object(out);
	record_path(out, "name", "name_b64", name);
	if (value.data && event->flags & FIM_EVENT_ACL)
		put_acl(out, value, event->count);
	else if (value.data)
		put_value(out, value, event->count);
	json_end_object(out);
}

void record_change_json(const struct fim_event *event, struct buffer *out)
{
	if (is_of_attributes(event->op) && event->flags & FIM_EVENT_BEFORE)
		put_changed(event, out);
	if (event->op == FIM_OP_SETFLAGS) {
		json_key(out, "flags");
		put_flags(out, record_flags(&event->file));
	}
	if (event->op == FIM_OP_SETXATTR || event->op == FIM_OP_REMOVEXATTR)
		put_xattr(event, out);
}

void record_change_text(const struct fim_event *event, struct buffer *out)
{
	struct bytes value;

	say_changed(event, out);
	if (event->op == FIM_OP_SETXATTR || event->op == FIM_OP_REMOVEXATTR) {
		buffer_add_byte(out, ' ');
		record_text_path(xattr_of(event, &value), out);
	}
}
