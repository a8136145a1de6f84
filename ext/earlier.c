// SPDX-License-Identifier: GPL-2.0-only
#include "earlier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "earlier_parts.h"
#include "session_parts.h"

#define DRAIN_EVERY 1024

// --- keeping -------------------------------------------------------------

static void add_entry(struct session *session, const struct fim_id *dir, struct bytes name,
		      const struct fim_id *id, struct buffer *out)
{
	const struct traits *traits = inode_table_traits(&session->inodes, id);
	struct earlier_entry entry = {EARLIER_MAGIC, (uint32_t)name.length, *dir, {.id = *id}};

	if (traits)
		entry.of.traits = *traits;
	buffer_add(out, &entry, sizeof(entry));
	buffer_add(out, name.data, name.length);
}

static void add_asked(struct session *session, struct buffer *out)
{
	static const struct fim_id nowhere;

	for (const struct session_root *root = session->roots; root; root = root->next)
		add_entry(session, &nowhere, root->path, &nowhere, out);
}

static void add_inode(struct session *session, const struct fim_id *id, uint32_t flags,
		      struct buffer *out)
{
	static const struct fim_id nowhere;
	struct inode_cursor cursor = inode_table_names(&session->inodes, id);
	struct bytes path, name;
	struct fim_id dir;

	if (flags & INODE_ROOT && inode_table_path(&session->inodes, id, session->text[4],
						   EVENT_PATH_SIZE, &path) == 0)
		add_entry(session, &nowhere, path, id, out);
	while (inode_table_next_name(&session->inodes, &cursor, &dir, &name))
		add_entry(session, &dir, name, id, out);
}

int earlier_save(struct session *session, uint32_t *cursor, struct buffer *out)
{
	struct inode_cursor at = {*cursor};
	struct fim_id id;
	uint32_t flags;

	if (!*cursor)
		add_asked(session, out);
	for (unsigned n = 0; n < EARLIER_NODES; n++) {
		if (!inode_table_next(&session->inodes, &at, &id, &flags)) {
			*cursor = 0;
			return out->error;
		}
		if (!(flags & INODE_OUTSIDE) && !session_is_own(session, &id))
			add_inode(session, &id, flags, out);
	}
	*cursor = at.next;
	return out->error;
}

// --- loading -------------------------------------------------------------

static int begin(struct session *session)
{
	struct earlier *earlier;
	int error;

	if (session->earlier)
		return 0;
	earlier = calloc(1, sizeof(*earlier));
	error = earlier ? inode_table_init(&earlier->table, SESSION_INODES,
					   session->inodes.store.seed) : -ENOMEM;
	if (error < 0)
		free(earlier);
	else
		session->earlier = earlier;
	return error;
}

static int load_asked(struct earlier *earlier, struct bytes path)
{
	buffer_add(&earlier->asked, path.data, path.length);
	buffer_add_byte(&earlier->asked, '\0');
	return earlier->asked.error;
}

static int load_entry(struct earlier *earlier, const struct earlier_entry *entry, struct bytes name)
{
	struct inode_table *table = &earlier->table;
	bool is_dir = S_ISDIR(entry->of.traits.mode);
	int error;

	if (!entry->of.id.ino)
		return load_asked(earlier, name);
	error = entry->dir.ino
			? inode_table_add_name(table, &entry->dir, name, &entry->of.id, is_dir)
			: inode_table_set_root(table, &entry->of.id, name, 0);
	return error < 0 ? error : inode_table_set_traits(table, &entry->of.id, &entry->of.traits);
}

int earlier_load(struct session *session, struct bytes entries)
{
	int error = begin(session);

	while (error == 0 && entries.length) {
		struct earlier_entry entry;

		if (entries.length < sizeof(entry))
			return -EINVAL;
		memcpy(&entry, entries.data, sizeof(entry));
		entries = bytes_of(entries.data + sizeof(entry), entries.length - sizeof(entry));
		if (entry.magic != EARLIER_MAGIC || entry.length > entries.length)
			return -EINVAL;
		error = load_entry(session->earlier, &entry,
				   bytes_of(entries.data, entry.length));
		entries = bytes_of(entries.data + entry.length, entries.length - entry.length);
	}
	return error;
}

int earlier_told(struct session *session, struct bytes path, const struct traits *traits)
{
	int error = begin(session);

	return error < 0 ? error : told_add(&session->earlier->told, path, traits);
}

void earlier_deinit(struct session *session)
{
	if (!session->earlier)
		return;
	inode_table_deinit(&session->earlier->table);
	buffer_deinit(&session->earlier->asked);
	buffer_deinit(&session->earlier->told);
	free(session->earlier);
	session->earlier = NULL;
}

// --- devices -------------------------------------------------------------

struct fim_id earlier_now(const struct earlier *e, const struct fim_id *then)
{
	struct fim_id id = *then;

	for (unsigned i = 0; i < e->device_count; i++)
		if (e->devices[i].then == then->dev)
			id.dev = e->devices[i].now;
	return id;
}

struct fim_id earlier_then(const struct earlier *e, const struct fim_id *now)
{
	struct fim_id id = *now;

	for (unsigned i = 0; i < e->device_count; i++)
		if (e->devices[i].now == now->dev)
			id.dev = e->devices[i].then;
	return id;
}

static bool next_root(const struct inode_table *table, struct inode_cursor *cursor,
		      struct fim_id *id, struct bytes *path, char *room)
{
	uint32_t flags;

	while (inode_table_next(table, cursor, id, &flags))
		if (flags & INODE_ROOT &&
		    inode_table_path(table, id, room, EVENT_PATH_SIZE, path) == 0)
			return true;
	return false;
}

static void find_device(struct earlier *e, const struct fim_id *then, struct bytes path)
{
	struct inode_cursor cursor = {0};
	struct bytes other;
	struct fim_id now;

	while (e->device_count < EARLIER_DEVICES &&
	       next_root(&e->session->inodes, &cursor, &now, &other, e->session->text[5]))
		if (bytes_equal(path, other) && now.dev != then->dev) {
			e->devices[e->device_count].then = then->dev;
			e->devices[e->device_count++].now = now.dev;
		}
}

static void find_devices(struct earlier *e)
{
	struct inode_cursor cursor = {0};
	struct bytes path;
	struct fim_id id;

	while (next_root(&e->table, &cursor, &id, &path, e->session->text[4]))
		find_device(e, &id, path);
}

// --- what both were asked for ----------------------------------------------

static bool asked_then(const struct earlier *e, struct bytes path)
{
	struct bytes rest = buffer_bytes(&e->asked), top;

	while (rest.length) {
		top = bytes_of_string(rest.data);
		rest = bytes_of(rest.data + top.length + 1, rest.length - top.length - 1);
		if (path_is_below(path, top))
			return true;
	}
	return false;
}

bool earlier_wanted(struct earlier *e, struct bytes path)
{
	const struct session_root *root = e->session->roots;

	while (root && !path_is_below(path, root->path))
		root = root->next;
	return root && !exclude_covers(&e->session->exclude, path);
}

// --- comparing -----------------------------------------------------------

struct traits_of earlier_known(const struct inode_table *table, const struct fim_id *id)
{
	const struct traits *traits = inode_table_traits(table, id);
	struct traits_of of = {.id = *id};

	if (traits)
		of.traits = *traits;
	return of;
}

struct bytes earlier_path(struct earlier *e, const struct inode_table *table,
			  const struct fim_id *dir, struct bytes name)
{
	struct bytes path = {NULL, 0};

	inode_table_path_in(table, dir, name, e->session->text[4], EVENT_PATH_SIZE, &path);
	return path;
}

static void compare_inode(struct earlier *e, const struct fim_id *then)
{
	struct reconcile *r = e->session->reconcile;
	struct fim_id now = earlier_now(e, then);
	struct traits_of was = earlier_known(&e->table, then);
	struct traits_of is = earlier_known(&e->session->inodes, &now);
	uint32_t which = traits_differ(&was.traits, &is.traits);
	struct bytes path;

	r->numbers.checked++;
	if (!was.traits.mode || !is.traits.mode || !which ||
	    reuse_is_another(&was.traits, &is.traits))
		return; // nothing to compare, or another has its number: told by its names
	if (inode_table_path(&e->session->inodes, &now, e->session->text[4], EVENT_PATH_SIZE,
			     &path) == 0 && asked_then(e, path))
		finding_changed(r, &e->gap, path, which, &was, &is);
}

// A name that there was and is: is it the same inode's?
static void compare_child(struct earlier *e, struct bytes path, const struct fim_id *then,
			  const struct fim_id *now)
{
	struct traits_of was = earlier_known(&e->table, then);
	struct traits_of is = earlier_known(&e->session->inodes, now);
	uint32_t which = traits_differ(&was.traits, &is.traits);
	struct fim_id expected = earlier_now(e, then);

	if (!same_id(&expected, now))
		which |= 1u << TRAIT_INODE;
	else if (!reuse_is_another(&was.traits, &is.traits))
		return; // compared by itself
	finding_changed(e->session->reconcile, &e->gap, path, which, &was, &is);
}

void earlier_lost(struct earlier *e, struct bytes path)
{
	if (earlier_wanted(e, path))
		finding_lost(e->session->reconcile, &e->gap, path);
}

static void compare_names(struct earlier *e, const struct fim_id *then)
{
	struct inode_table *inodes = &e->session->inodes;
	struct inode_cursor cursor = inode_table_children(&e->table, then);
	struct fim_id dir = earlier_now(e, then), child, found;
	struct bytes name, path;

	while (inode_table_next_child(&e->table, &cursor, &child, &name)) {
		if (inode_table_find(inodes, &dir, name, &found)) {
			compare_child(e, earlier_path(e, inodes, &dir, name), &child, &found);
			continue;
		}
		earlier_lost(e, earlier_path(e, &e->table, then, name));
		// It may have been told that `dir` is there now.
		path = earlier_path(e, inodes, &dir, name);
		if (path.length && !inode_table_at(&e->table, path, &found))
			earlier_lost(e, path);
	}
}

// After a crash only: a start that was killed may have told that they are missing, and then
// no more.
static void find_moved(struct earlier *e, const struct fim_id *child)
{
	struct fim_id then = earlier_then(e, child);
	uint32_t flags;

	if (e->told.length && inode_table_known(&e->table, &then, &flags) && flags & INODE_DIR)
		earlier_below(e, child);
}

static void find_new(struct earlier *e, const struct fim_id *dir)
{
	struct inode_table *inodes = &e->session->inodes;
	struct inode_cursor cursor = inode_table_children(inodes, dir);
	struct fim_id then = earlier_then(e, dir), child, found;
	struct bytes name, path;
	struct traits_of is;

	while (inode_table_next_child(inodes, &cursor, &child, &name)) {
		if (inode_table_find(&e->table, &then, name, &found) ||
		    session_is_own(e->session, &child))
			continue;
		is = earlier_known(inodes, &child);
		path = earlier_path(e, inodes, dir, name);
		if (asked_then(e, path)) {
			finding_new(e->session->reconcile, &e->gap, path, 0, &is, &is);
			find_moved(e, &child);
		}
	}
}

// The rings must not fill meanwhile.
int earlier_drain(struct earlier *e)
{
	return ++e->steps % DRAIN_EVERY ? 0 : session_drain(e->session);
}

static int compare(struct earlier *e)
{
	struct inode_cursor then = {0}, now = {0};
	struct fim_id id;
	int error = 0;

	find_devices(e);
	while (error == 0 && inode_table_next(&e->table, &then, &id, NULL)) {
		compare_inode(e, &id);
		compare_names(e, &id);
		error = earlier_drain(e);
	}
	while (error == 0 && inode_table_next(&e->session->inodes, &now, &id, NULL)) {
		find_new(e, &id);
		error = earlier_drain(e);
	}
	return error < 0 ? error : earlier_last_words(e);
}

int earlier_compare(struct session *session, uint64_t since)
{
	struct reconcile *r = session->reconcile;
	struct sweep_numbers others = r->numbers; // of a gap while the tree was scanned
	int error = begin(session);

	if (error < 0)
		return error;
	r->numbers = (struct sweep_numbers){0};
	session->earlier->session = session;
	session->earlier->gap = (struct gap){session->stream.seq, since, tap_now()};
	error = compare(session->earlier);
	if (error == 0)
		finding_closed(r, &session->earlier->gap, session->earlier->gap.seq);
	r->numbers = others;
	earlier_deinit(session);
	return error;
}
