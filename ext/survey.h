/* SPDX-License-Identifier: GPL-2.0-only
 *
 * survey.h - the facts of whole trees, by all cores, in the byte order of the
 * paths: the order in which a database gives them back, so that the two are
 * compared as they come, whatever their size.
 *
 *	walker ─► | batch | batch | batch | ... ring ... | ─► consumer
 *	              ▲ workers: every one goes through every batch in turn and
 *	                takes the names that nobody has taken
 *
 * One thread walks and puts names into batches; the workers fill in the facts;
 * the consumer gets a batch when it is whole and the ones before were got. So a
 * large file holds up the consumer, but not the others until the ring is full.
 */
#ifndef FIM_SURVEY_H
#define FIM_SURVEY_H

#include <pthread.h>
#include <sys/stat.h>

#include "examine.h"
#include "exclude.h"
#include "mount_table.h"

#define SURVEY_BATCH 64
#define SURVEY_RING 256     /* batches */
#define SURVEY_ENOUGH 16    /* whole batches, to wake the consumer for */
#define SURVEY_OPEN_MAX 256 /* directories that only wait for their workers */

struct survey_directory {
	int fd;
	unsigned int users; /* atomic */
	bool top;           /* no directory: its names are the roots */
	bool told;          /* that names in it were left out */
	struct bytes path;  /* in the same allocation, a NUL behind */
};

struct survey_entry {
	struct survey_directory *directory;
	struct buffer path; /* a NUL counts as its last byte */
	struct buffer facts;
	size_t name; /* where it begins in the path */
	enum examine_hint hint;
	int error; /* what examine() gave */
};

struct survey_batch {
	struct survey_entry entries[SURVEY_BATCH];
	unsigned int count;
	unsigned int next; /* atomic: the first that nobody has taken */
	unsigned int left; /* atomic: entries not examined and workers not through */
};

/* What was not looked at: an error, or why not; of a directory from which names
 * were left out by a pattern SURVEY_EXCLUDED, once. */
#define SURVEY_EXCLUDED "excluded names"
struct survey_notice {
	struct survey_notice *next;
	int error;
	const char *why;
	char path[];
};

struct survey {
	struct examine_options examine;
	struct mount_table mounts;
	struct exclude exclude; /* ours */
	bool one_file_system;
	char **roots; /* sorted, ours, up to NULL */

	/* Who waits is woken once there is enough to do: with as many threads as
	 * cores a switch for each batch is what they lose most by. */
	pthread_mutex_t lock;
	pthread_cond_t room;  /* for the walker: half the ring, or half the directories */
	pthread_cond_t work;  /* for the workers: a batch more */
	pthread_cond_t ready; /* for the consumer: SURVEY_ENOUGH, or the end */
	struct survey_batch *ring;
	struct survey_batch *filling; /* the walker's */
	uint64_t filled, whole, got;  /* batches by the walker, the workers, the consumer */
	bool walked, stopped;
	unsigned int directories; /* open */
	unsigned int crowded;     /* the walker waits for so few; 0: it does not */
	int error;                /* of the walker or a worker: the survey is void */
	struct survey_notice *notices;
	uint64_t excluded; /* names left out, with all below them; the walker's until it is over */

	pthread_t *threads; /* the walker, then the workers */
	unsigned int started, workers;
};

/* `survey` has options and roots; the threads start. */
int survey_start(struct survey *survey);
/* Wait up to `timeout_ms` for SURVEY_ENOUGH: how many batches are whole, 0: none
 * yet or (see survey_is_over()) no more, -errno. The first is survey_batch(), the
 * caller's until survey_release(). */
int survey_wait(struct survey *survey, int timeout_ms);
struct survey_batch *survey_batch(struct survey *survey);
void survey_release(struct survey *survey);
bool survey_is_over(struct survey *survey);
/* Also of one that never started. */
void survey_end(struct survey *survey);

/* survey_walk.c: the walker. */
int survey_walk(struct survey *survey);

/* For the walker: the entry to fill next, NULL when stopped; then it is in. */
struct survey_entry *survey_put(struct survey *survey, struct survey_directory *directory);
void survey_flush(struct survey *survey);
void survey_make_room(struct survey *survey, unsigned int open);
void survey_drop(struct survey *survey, struct survey_directory *directory);

/* Only the walker, and the consumer once it is over. -ENOMEM */
int survey_notice(struct survey *survey, struct bytes path, int error, const char *why);

#endif
