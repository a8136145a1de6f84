/* SPDX-License-Identifier: GPL-2.0-only
 *
 * users.h - names of users, asked from the system once a minute at most.
 *
 * Bounded: the longest known goes when a new one needs its place.  A look-up
 * may take as long as the system's directory service does.
 */
#ifndef FIM_USERS_H
#define FIM_USERS_H

#include <stdint.h>

#define USERS_MAX 128
#define USERS_KEEP_SECONDS 60

struct users {
	uint32_t uid[USERS_MAX];
	int64_t expires[USERS_MAX];
	char *name[USERS_MAX]; /* NULL: there is none */
	unsigned count;
	unsigned next; /* whose place goes to the next new one */
};

void users_init(struct users *users);
void users_deinit(struct users *users);

/* The name of `uid`, NULL when it has none or is FIM_UNSET.  `now` is any
 * clock in seconds that does not go back.  The answer holds until `now` moves
 * on or USERS_MAX - 1 other users were asked for. */
const char *users_name(struct users *users, uint32_t uid, int64_t now);

#endif
