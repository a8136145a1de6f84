/* SPDX-License-Identifier: GPL-2.0-only */
#include "users.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

#define MOST_PASSWD_BYTES (1u << 20)

void users_init(struct users *users)
{
	memset(users, 0, sizeof(*users));
}

void users_deinit(struct users *users)
{
	for (unsigned i = 0; i < users->count; i++)
		free(users->name[i]);
	users_init(users);
}

/* The name in memory of its own, or NULL: none, or none could be had. */
static char *ask(uint32_t uid)
{
	struct passwd passwd, *found = NULL;
	char *name = NULL;
	int r = ERANGE;

	for (size_t size = 1024; r == ERANGE && size <= MOST_PASSWD_BYTES;
	     size *= 4) {
		char *texts = malloc(size);

		if (!texts)
			return NULL;
		r = getpwuid_r(uid, &passwd, texts, size, &found);
		if (r == 0 && found)
			name = strdup(found->pw_name);
		free(texts);
	}
	return name;
}

static unsigned find(const struct users *users, uint32_t uid)
{
	unsigned i = 0;

	while (i < users->count && users->uid[i] != uid)
		i++;
	return i;
}

static unsigned place(struct users *users)
{
	unsigned i;

	if (users->count < USERS_MAX)
		return users->count++;
	i = users->next;
	users->next = (i + 1) % USERS_MAX;
	return i;
}

const char *users_name(struct users *users, uint32_t uid, int64_t now)
{
	unsigned i;

	if (uid == FIM_UNSET)
		return NULL;
	i = find(users, uid);
	if (i < users->count && now < users->expires[i])
		return users->name[i];
	if (i == users->count)
		i = place(users);
	free(users->name[i]);
	users->uid[i] = uid;
	users->name[i] = ask(uid);
	users->expires[i] = now + USERS_KEEP_SECONDS;
	return users->name[i];
}
