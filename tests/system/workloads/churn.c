/* SPDX-License-Identifier: GPL-2.0-only
 *
 * churn.c - creates, links, renames, writes and removes in DIR until SIGTERM;
 * prints how many rounds it did. The tree stays bounded: SLOTS names in each of
 * DIRS directories, which are renamed too.
 *
 *	churn DIR SEED
 */
#include "workload.h"

#include <signal.h>

#define DIRS 16
#define SLOTS 24

static volatile sig_atomic_t over;

static void stop(int number)
{
	(void)number;
	over = 1;
}

/* A path in one of the directories; `turn` keeps two apart. */
static const char *slot(int turn)
{
	static char paths[2][64];

	snprintf(paths[turn], sizeof(paths[turn]), "d%02d/s%02d", rand() % DIRS, rand() % SLOTS);
	return paths[turn];
}

static const char *directory(int turn)
{
	static char paths[2][16];

	snprintf(paths[turn], sizeof(paths[turn]), "d%02d", rand() % DIRS);
	return paths[turn];
}

/* One act; that it fails because another name is there or gone is meant. */
static void act(void)
{
	switch (rand() % 8) {
	case 0:
		finish(open(slot(0), O_WRONLY | O_CREAT | O_EXCL, 0600), "new\n");
		break;
	case 1:
		finish(open(slot(0), O_WRONLY | O_CREAT | O_APPEND, 0600), "more\n");
		break;
	case 2:
		link(slot(0), slot(1));
		break;
	case 3:
		rename(slot(0), slot(1));
		break;
	case 4:
		unlink(slot(0));
		break;
	case 5:
		mkdir(directory(0), 0700);
		break;
	case 6:
		rename(directory(0), directory(1));
		break;
	case 7:
		mkdir(slot(0), 0700);
		rmdir(slot(1));
		break;
	}
}

int main(int argc, char **argv)
{
	long rounds = 0;

	if (argc < 3 || chdir(argv[1]) < 0)
		return 2;
	srand((unsigned)atoi(argv[2]));
	signal(SIGTERM, stop);
	for (; !over; rounds++)
		act();
	printf("{\"rounds\":%ld}\n", rounds);
	return 0;
}
