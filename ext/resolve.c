// SPDX-License-Identifier: GPL-2.0-only
//
// resolve.c - from what the kernel walked to the host's own names.
//
// The inode table knows the path of every watched directory, so a directory's
// identity and one name are enough. What lies elsewhere (another hard link of
// a watched file) has the walk: whole where the hook knew the mount, else
// within its superblock and completed from the mount table.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "session_parts.h"

struct place {
	struct bytes path;
	enum view_mount mount;
	bool complete;
};

static bool same_namespace(const struct session *session, const struct fim_event *event)
{
	return !event->actor.mnt_ns || event->actor.mnt_ns == session->mnt_ns;
}

static bool by_inode_table(struct session *session, const struct fim_event *event,
			   enum fim_text_slot slot, const struct fim_id *dir, char *room,
			   struct place *ret)
{
	struct bytes leaf = event_leaf(event, slot);

	if (!leaf.data ||
	    inode_table_path_in(&session->inodes, dir, leaf, room, EVENT_PATH_SIZE, &ret->path) < 0)
		return false;
	ret->mount = VIEW_MOUNT_EXACT;
	ret->complete = true;
	return true;
}

static bool by_cut_walk(struct session *session, const struct fim_event *event,
			enum fim_text_slot slot, char *room, struct place *ret)
{
	const struct fim_text *text = &event->text[slot];
	struct bytes tail;

	if (text->state != FIM_TEXT_CUT ||
	    event_path(event, slot, EVENT_ALL_NAMES, session->text[0], EVENT_PATH_SIZE, &tail) < 0)
		return false;
	if (inode_table_path_in(&session->inodes, &text->end, tail, room, EVENT_PATH_SIZE,
				&ret->path) == 0) {
		ret->mount = VIEW_MOUNT_EXACT;
		ret->complete = true;
		return true;
	}
	// Better the lower end of it, marked, than nothing.
	memcpy(room, tail.data, tail.length);
	ret->path = bytes_of(room, tail.length);
	return true;
}

static void by_whole_walk(struct session *session, const struct fim_event *event,
			  enum fim_text_slot slot, char *room, struct place *ret)
{
	const struct fim_text *text = &event->text[slot];
	struct bytes inside;
	int ways;

	// Opened by a handle, a file can have no name in the kernel's cache.
	if (!text->names && !S_ISDIR(event->file.mode))
		return;
	if (event_path(event, slot, EVENT_ALL_NAMES, session->text[0], EVENT_PATH_SIZE, &inside) < 0)
		return;
	if (text->mounted) {
		memcpy(room, inside.data, inside.length);
		ret->path = bytes_of(room, inside.length);
		ret->mount = same_namespace(session, event) ? VIEW_MOUNT_EXACT : VIEW_MOUNT_GUESSED;
		ret->complete = true;
		return;
	}
	ways = mount_table_path(&session->mounts, way_device(session, &event->file.id), inside,
				room, EVENT_PATH_SIZE, &ret->path);
	if (ways <= 0) {
		ret->path = bytes_of(NULL, 0);
		return;
	}
	ret->mount = ways == 1 ? VIEW_MOUNT_ONLY : VIEW_MOUNT_GUESSED;
	ret->complete = true;
}

bool resolve_walk(struct session *session, const struct fim_event *event, char *room)
{
	struct place place = {.path = {NULL, 0}};

	if (event_text_whole(event, FIM_TEXT_PATH))
		by_whole_walk(session, event, FIM_TEXT_PATH, room, &place);
	if (!place.complete || (event->text[FIM_TEXT_PATH].mounted &&
				place.mount != VIEW_MOUNT_EXACT))
		return false;
	memmove(room, place.path.data, place.path.length);
	room[place.path.length] = '\0';
	return true;
}

static struct place resolve_place(struct session *session, const struct fim_event *event,
				  enum fim_text_slot slot, const struct fim_id *dir, char *room)
{
	struct place place = {.path = {NULL, 0}};

	if (!by_inode_table(session, event, slot, dir, room, &place) &&
	    !by_cut_walk(session, event, slot, room, &place))
		by_whole_walk(session, event, slot, room, &place);
	return place;
}

// From another namespace's point of view the path says nothing here: the place
// within the superblock does.
static struct place resolve_point(struct session *session, const struct fim_event *event)
{
	struct fim_id dir = event->dir;

	if (same_namespace(session, event))
		return resolve_place(session, event, FIM_TEXT_PATH, &(struct fim_id){0},
				     session->text[1]);
	way_find(session, &dir);
	return resolve_place(session, event, FIM_TEXT_PATH2, &dir, session->text[1]);
}

struct bytes resolve_mountpoint(struct session *session, const struct fim_event *event)
{
	return resolve_point(session, event).path;
}

// The path below the actor's own root, where the walk met it.
static struct bytes actor_path(const struct fim_event *event, enum fim_text_slot slot, char *room)
{
	const struct fim_text *text = &event->text[slot];
	struct bytes path = {NULL, 0};
	char *start;

	if (text->state != FIM_TEXT_WHOLE || (text->root == FIM_ROOT_NOT_MET && !text->mounted))
		return path;
	if (text->root == FIM_ROOT_NOT_MET || text->root == text->names) {
		event_path(event, slot, EVENT_ALL_NAMES, room, EVENT_PATH_SIZE, &path);
		return path;
	}
	// Leave one byte before it for the slash that a relative path lacks.
	if (event_path(event, slot, text->root, room + 1, EVENT_PATH_SIZE - 1, &path) < 0)
		return path;
	start = room + (path.data - room) - 1;
	*start = '/';
	return bytes_of(start, path.length + 1);
}

// A thousand links made to one file would else be a million paths. `names_known`
// says how many there are.
#define KNOWN_PATHS_MOST 256

static bool known_room(struct session *session, size_t count)
{
	size_t room = session->known_room * 2;
	struct bytes *known;

	if (count < session->known_room)
		return true;
	known = realloc(session->known, room * sizeof(*known));
	if (!known)
		return false;
	session->known = known;
	session->known_room = room;
	return true;
}

// For want of memory one is left out: names_known says how many there are.
static void add_known(struct session *session, size_t *count, struct bytes path)
{
	if (!known_room(session, *count))
		return;
	buffer_add(&session->known_text, path.data, path.length);
	session->known[(*count)++].length = path.length;
}

// The paths of the names in the table, and whether `own` is one of them.
static bool add_names(struct session *session, const struct fim_id *id, struct bytes own,
		      size_t *count)
{
	struct inode_cursor cursor = inode_table_names(&session->inodes, id);
	struct bytes name, path;
	struct fim_id dir;
	bool among = false;

	while (inode_table_next_name(&session->inodes, &cursor, &dir, &name)) {
		if (inode_table_path_in(&session->inodes, &dir, name, session->text[0],
					EVENT_PATH_SIZE, &path) < 0)
			continue;
		among = among || bytes_equal(path, own);
		add_known(session, count, path);
		if (*count == KNOWN_PATHS_MOST)
			return true;
	}
	return among;
}

static bool names_gone(const struct fim_event *event)
{
	return event->op == FIM_OP_UNLINK || event->op == FIM_OP_RMDIR ||
	       event->flags & FIM_EVENT_DELETED ||
	       (event->flags & FIM_EVENT_FAILED && event_is_of_name(event));
}

// Every path known of the inode: the table's, and the one acted through when it
// lies outside of what is watched and still is one.
static void resolve_known(struct session *session, const struct fim_event *event,
			  struct fim_view *ret)
{
	const struct fim_id *id = &event->file.id;
	size_t count = 0, at = 0;
	struct fim_id other;
	bool outside;

	buffer_reset(&session->known_text);
	outside = !add_names(session, id, ret->path, &count) && ret->path.data &&
		  ret->path_complete && !names_gone(event);
	if (outside)
		add_known(session, &count, ret->path);
	for (size_t way = 0; way_to_same(session, &way, id, &other);)
		add_names(session, &other, ret->path, &count);
	// The buffer may have moved while it grew: point into it only now.
	for (size_t i = 0; i < count; i++) {
		session->known[i].data = session->known_text.data + at;
		at += session->known[i].length;
	}
	ret->names_known = inode_table_name_count(&session->inodes, id) + outside;
	ret->known_paths = session->known;
	ret->known_path_count = session->known_text.error ? 0 : count;
}

// A change of the inode through a name that lies outside: the record is about the
// file, so it has the name it is watched by; the actor's own is in actor_path.
static void resolve_watched_name(struct session *session, const struct fim_event *event,
				 struct fim_view *ret)
{
	if (!event_is_of_name(event) &&
	    !inode_table_known(&session->inodes, &event->dir, NULL) &&
	    inode_table_path(&session->inodes, &event->file.id, session->text[4],
			     EVENT_PATH_SIZE, &ret->path) == 0) {
		ret->path_mount = VIEW_MOUNT_EXACT;
		ret->path_complete = true;
	}
}

static void resolve_second(struct session *session, const struct fim_event *event,
			   struct fim_view *ret)
{
	struct place second = resolve_place(session, event, FIM_TEXT_PATH2, &event->dir2,
					    session->text[2]);

	if (event->op == FIM_OP_RENAME) {
		ret->old_path = ret->path;
		ret->path = second.path;
		ret->path_mount = second.mount;
		ret->path_complete = ret->path_complete && second.complete;
	} else if (!ret->created) {
		ret->target_path = second.path;
	}
}

static void resolve_paths(struct session *session, const struct fim_event *event,
			  struct fim_view *ret)
{
	struct place first = mounts_is_act(event)
		? resolve_point(session, event)
		: resolve_place(session, event, FIM_TEXT_PATH, &event->dir, session->text[1]);
	enum fim_text_slot own = event->op == FIM_OP_RENAME ? FIM_TEXT_PATH2 : FIM_TEXT_PATH;
	struct bytes actor;

	ret->path = first.path;
	ret->path_mount = first.mount;
	ret->path_complete = first.complete;
	ret->created = event->op == FIM_OP_LINK && event->file.nlink == 1 &&
		       !(event->flags & FIM_EVENT_FAILED);
	if (event->text[FIM_TEXT_PATH2].state != FIM_TEXT_ABSENT && !mounts_is_act(event))
		resolve_second(session, event, ret);
	resolve_known(session, event, ret);
	resolve_watched_name(session, event, ret);
	actor = actor_path(event, own, session->text[3]);
	if (actor.data && !bytes_equal(actor, ret->path))
		ret->actor_path = actor;
}

void resolve_event(struct session *session, const struct fim_event *event, struct fim_view *ret)
{
	int64_t now = (int64_t)(event->time / 1000000000u);

	memset(ret, 0, sizeof(*ret));
	ret->event = event;
	ret->time_ns = record_wall_ns(event->time, session->wall_offset);
	ret->arguments = session->arguments;
	ret->late = event->time < session->delivered;
	resolve_paths(session, event, ret);
	if (event->op == FIM_OP_OPEN && !(event->flags & FIM_EVENT_FAILED))
		devices_opened(session, ret);
	way_stat(session, event, ret);
	ret->deleted = event->flags & FIM_EVENT_DELETED;
	ret->user = users_name(&session->users, event->actor.uid, now);
	ret->login_user = users_name(&session->users, event->actor.auid, now);
}
