// SPDX-License-Identifier: GPL-2.0-only
//
// session_change.c - what is different in the mount table since the last look.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "session_mount.h"

static struct bytes keep(char **room, struct bytes text)
{
	struct bytes kept = {text.data ? *room : NULL, text.length};

	if (text.length)
		memcpy(*room, text.data, text.length);
	(*room)[text.length] = '\0';
	*room += text.length + 1;
	return kept;
}

static struct session_change *change_add(struct session *session, const struct mount *mount,
					 enum fim_operation op, struct bytes at)
{
	size_t length = mount->point.length + mount->options.length + mount->type.length +
			mount->source.length + at.length + 5;
	struct session_change *change = calloc(1, sizeof(*change) + length), **last;
	char *room;

	if (!change) {
		session->counts[SESSION_NO_MEMORY]++;
		return NULL;
	}
	room = change->text;
	change->mount = *mount;
	change->mount.root = change->mount.super = bytes_of(NULL, 0);
	change->mount.point = keep(&room, mount->point);
	change->mount.options = keep(&room, mount->options);
	change->mount.type = keep(&room, mount->type);
	change->mount.source = keep(&room, mount->source);
	change->at = keep(&room, at);
	change->op = op;
	change->since = tap_now();
	for (last = &session->changes; *last; last = &(*last)->next)
		;
	*last = change;
	session->changed++;
	return change;
}

static void change_moved(struct session *session, const struct mount *from, const struct mount *to)
{
	struct session_change *here = change_add(session, to, FIM_OP_MOUNT, to->point);
	struct session_change *away = change_add(session, from, FIM_OP_UMOUNT, to->point);

	if (here)
		here->moved = true;
	if (away)
		away->moved = true;
}

static bool same_options(const struct mount *a, const struct mount *b)
{
	return bytes_equal(a->options, b->options) && bytes_equal(a->super, b->super);
}

static void compare_new(struct session *session, const struct mount *mount,
			const struct mount *before)
{
	struct session_change *change;

	if (!before) {
		change_add(session, mount, FIM_OP_MOUNT, mount->point);
	} else if (!bytes_equal(before->point, mount->point)) {
		change_moved(session, before, mount);
	} else if (!same_options(before, mount)) {
		change = change_add(session, mount, FIM_OP_MOUNT, mount->point);
		if (change)
			change->options = true;
	}
}

// What is gone comes first: the number of its device may be in use again.
static void compare(struct session *session, const struct mount_table *before)
{
	const struct mount_table *after = &session->mounts;
	size_t hint = 0;

	for (size_t i = 0; i < before->count; i++)
		if (!mount_table_same(after, &before->mounts[i], &hint))
			change_add(session, &before->mounts[i], FIM_OP_UMOUNT,
				   before->mounts[i].point);
	hint = 0;
	for (size_t i = 0; i < after->count; i++)
		compare_new(session, &after->mounts[i],
			    mount_table_same(before, &after->mounts[i], &hint));
}

int mounts_read(struct session *session)
{
	struct mount_table mounts;
	int error = mount_table_init(&mounts, "/proc/self/mountinfo");

	if (error < 0)
		return error;
	mount_table_deinit(&session->mounts);
	session->mounts = mounts;
	return 0;
}

bool changes_poked(const struct session *session)
{
	struct pollfd mountinfo = {.fd = session->mountinfo, .events = POLLPRI};

	return poll(&mountinfo, 1, 0) > 0 && mountinfo.revents & POLLPRI;
}

void changes_compare(struct session *session)
{
	struct mount_table before = session->mounts;
	bool poked = changes_poked(session) || session->poked;
	uint64_t changed = session->changed;

	session->mounts = (struct mount_table){0};
	if (mounts_read(session) < 0) {
		session->mounts = before; // it goes on serving, and is read again
		if (poked && !session->poked)
			session->poked = tap_now();
		return;
	}
	session->poked = 0;
	compare(session, &before);
	mount_table_deinit(&before);
	if (poked) {
		session->poked_until = tap_now();
		session->poked_for_nothing = session->changed == changed;
	}
}

// What seems to have moved must be settled first: a mount may have been given the
// numbers of one that is gone. Of what is gone there may be records to come, until its
// act or whatever is older than this look was applied; and its keys go before others
// come that have its numbers.
static bool must_wait(const struct session *session, const struct session_change *change)
{
	const struct session_change *earlier = session->changes;

	if (change->moved && !change->settled)
		return true;
	if (change->op == FIM_OP_UMOUNT && !change->settled && session->applied < change->since)
		return true;
	for (; earlier != change; earlier = earlier->next)
		if (earlier->op == FIM_OP_UMOUNT && !earlier->covered &&
		    earlier->mount.dev == change->mount.dev)
			return true;
	return false;
}

static void cover_change(struct session *session, struct session_change *change)
{
	bool moved = change->moved && !change->reused;

	if (must_wait(session, change))
		return;
	if (change->op == FIM_OP_UMOUNT && moved)
		cover_moved(session, &change->mount, change->at);
	else if (change->op == FIM_OP_UMOUNT)
		cover_gone(session, &change->mount, change->reused);
	else if (!moved && !change->options)
		cover_appeared(session, &change->mount);
	change->covered = true;
}

void changes_cover(struct session *session)
{
	struct session_change *change = session->changes;

	for (; change; change = change->next)
		if (!change->covered)
			cover_change(session, change);
}

void changes_drop_settled(struct session *session)
{
	struct session_change **at = &session->changes, *change;

	while ((change = *at)) {
		if (change->settled && change->covered) {
			*at = change->next;
			free(change);
		} else {
			at = &change->next;
		}
	}
}

void changes_deinit(struct session *session)
{
	struct session_change *change = session->changes;

	for (; change; change = change->next)
		change->settled = change->covered = true;
	changes_drop_settled(session);
}
