// SPDX-License-Identifier: GPL-2.0-only
#include "survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct survey_batch *batch_at(struct survey *survey, uint64_t number)
{
	return &survey->ring[number % SURVEY_RING];
}

static bool batch_is_whole(struct survey_batch *batch)
{
	return __atomic_load_n(&batch->left, __ATOMIC_ACQUIRE) == 0;
}

static void stop(struct survey *survey, int error)
{
	pthread_mutex_lock(&survey->lock);
	survey->error = survey->error < 0 ? survey->error : error;
	survey->stopped = true;
	pthread_cond_broadcast(&survey->room);
	pthread_cond_broadcast(&survey->work);
	pthread_cond_broadcast(&survey->ready);
	pthread_mutex_unlock(&survey->lock);
}

void survey_drop(struct survey *survey, struct survey_directory *directory)
{
	if (__atomic_sub_fetch(&directory->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (!directory->top)
		close(directory->fd);
	free(directory);
	pthread_mutex_lock(&survey->lock);
	survey->directories--;
	if (survey->crowded && survey->directories <= survey->crowded)
		pthread_cond_signal(&survey->room);
	pthread_mutex_unlock(&survey->lock);
}

// The walker's side.

// Once the ring has room for it.
static struct survey_batch *begin_batch(struct survey *survey)
{
	bool stopped;

	pthread_mutex_lock(&survey->lock);
	while (survey->filled - survey->got >= SURVEY_RING && !survey->stopped)
		pthread_cond_wait(&survey->room, &survey->lock);
	stopped = survey->stopped;
	pthread_mutex_unlock(&survey->lock);
	return stopped ? NULL : batch_at(survey, survey->filled);
}

struct survey_entry *survey_put(struct survey *survey, struct survey_directory *directory)
{
	struct survey_entry *entry;

	if (survey->filling && survey->filling->count == SURVEY_BATCH)
		survey_flush(survey);
	if (!survey->filling)
		survey->filling = begin_batch(survey);
	if (!survey->filling)
		return NULL;
	__atomic_add_fetch(&directory->users, 1, __ATOMIC_RELAXED);
	entry = &survey->filling->entries[survey->filling->count++];
	entry->directory = directory;
	buffer_reset(&entry->path);
	return entry;
}

void survey_flush(struct survey *survey)
{
	struct survey_batch *batch = survey->filling;

	if (!batch)
		return;
	survey->filling = NULL;
	batch->next = 0;
	batch->left = batch->count + survey->workers;
	pthread_mutex_lock(&survey->lock);
	survey->filled++;
	pthread_cond_broadcast(&survey->work);
	pthread_mutex_unlock(&survey->lock);
}

// Before one more is opened; `open` are the walker's own.
void survey_make_room(struct survey *survey, unsigned int open)
{
	pthread_mutex_lock(&survey->lock);
	if (survey->directories > open + SURVEY_OPEN_MAX) {
		pthread_mutex_unlock(&survey->lock);
		survey_flush(survey); // what waits for more is not worked on
		pthread_mutex_lock(&survey->lock);
	}
	if (survey->directories > open + SURVEY_OPEN_MAX)
		survey->crowded = open + SURVEY_OPEN_MAX / 2;
	while (survey->crowded && survey->directories > survey->crowded && !survey->stopped)
		pthread_cond_wait(&survey->room, &survey->lock);
	survey->crowded = 0;
	survey->directories++;
	pthread_mutex_unlock(&survey->lock);
}

static void *walker(void *context)
{
	struct survey *survey = context;
	int error = survey_walk(survey);

	if (error < 0)
		stop(survey, error);
	survey_flush(survey);
	pthread_mutex_lock(&survey->lock);
	survey->walked = true;
	pthread_cond_broadcast(&survey->work);
	pthread_cond_broadcast(&survey->ready);
	pthread_mutex_unlock(&survey->lock);
	return NULL;
}

// The workers' side.

static struct survey_batch *wait_for_batch(struct survey *survey, uint64_t number)
{
	bool there;

	pthread_mutex_lock(&survey->lock);
	while (number >= survey->filled && !survey->walked && !survey->stopped)
		pthread_cond_wait(&survey->work, &survey->lock);
	there = number < survey->filled && !survey->stopped;
	pthread_mutex_unlock(&survey->lock);
	return there ? batch_at(survey, number) : NULL;
}

static unsigned int work_on(struct survey *survey, struct examiner *examiner,
			    struct survey_batch *batch)
{
	unsigned int done = 0, i;

	while ((i = __atomic_fetch_add(&batch->next, 1, __ATOMIC_RELAXED)) < batch->count) {
		struct survey_entry *entry = &batch->entries[i];

		entry->error = examine(examiner, entry->directory->fd,
				       entry->path.data + entry->name, entry->hint,
				       &entry->facts);
		survey_drop(survey, entry->directory);
		entry->directory = NULL;
		done++;
	}
	return done;
}

// Whether the consumer has enough to do, or there will be no more.
static bool is_ready(const struct survey *survey)
{
	return survey->whole - survey->got >= SURVEY_ENOUGH || survey->stopped ||
	       (survey->walked && survey->whole == survey->filled);
}

static void note_whole(struct survey *survey)
{
	pthread_mutex_lock(&survey->lock);
	while (survey->whole < survey->filled && batch_is_whole(batch_at(survey, survey->whole)))
		survey->whole++;
	if (is_ready(survey))
		pthread_cond_signal(&survey->ready);
	pthread_mutex_unlock(&survey->lock);
}

static void *worker(void *context)
{
	struct survey *survey = context;
	struct examiner *examiner = examiner_new(&survey->examine);
	struct survey_batch *batch;

	if (!examiner) {
		stop(survey, -ENOMEM);
		return NULL;
	}
	for (uint64_t number = 0; (batch = wait_for_batch(survey, number)); number++) {
		unsigned int through = work_on(survey, examiner, batch) + 1;

		if (__atomic_sub_fetch(&batch->left, through, __ATOMIC_ACQ_REL) == 0)
			note_whole(survey);
	}
	examiner_free(examiner);
	return NULL;
}

// The consumer's side.

bool survey_is_over(struct survey *survey)
{
	bool over;

	pthread_mutex_lock(&survey->lock);
	over = survey->walked && survey->got == survey->filled;
	pthread_mutex_unlock(&survey->lock);
	return over;
}

int survey_wait(struct survey *survey, int timeout_ms)
{
	struct timespec until;
	int whole;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)timeout_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&survey->lock);
	while (!is_ready(survey))
		if (pthread_cond_timedwait(&survey->ready, &survey->lock, &until) != 0)
			break;
	whole = survey->error < 0 ? survey->error : (int)(survey->whole - survey->got);
	pthread_mutex_unlock(&survey->lock);
	return whole;
}

struct survey_batch *survey_batch(struct survey *survey)
{
	return batch_at(survey, survey->got);
}

void survey_release(struct survey *survey)
{
	batch_at(survey, survey->got)->count = 0;
	pthread_mutex_lock(&survey->lock);
	survey->got++;
	if (survey->filled - survey->got == SURVEY_RING / 2)
		pthread_cond_signal(&survey->room);
	pthread_mutex_unlock(&survey->lock);
}

int survey_notice(struct survey *survey, struct bytes path, int error, const char *why)
{
	struct survey_notice *notice = malloc(sizeof(*notice) + path.length + 1);

	if (!notice)
		return -ENOMEM;
	*notice = (struct survey_notice){survey->notices, error, why};
	memcpy(notice->path, path.data, path.length);
	notice->path[path.length] = '\0';
	survey->notices = notice;
	return 0;
}

// Beginning and end.

static int start_thread(struct survey *survey, void *(*run)(void *))
{
	int error = pthread_create(&survey->threads[survey->started], NULL, run, survey);

	survey->started += error == 0;
	return -error;
}

int survey_start(struct survey *survey)
{
	int error = mount_table_init(&survey->mounts, "/proc/self/mountinfo");

	pthread_mutex_init(&survey->lock, NULL);
	pthread_cond_init(&survey->room, NULL);
	pthread_cond_init(&survey->work, NULL);
	pthread_cond_init(&survey->ready, NULL);
	survey->ring = calloc(SURVEY_RING, sizeof(*survey->ring));
	survey->threads = calloc(survey->workers + 1, sizeof(*survey->threads));
	if (error == 0 && (!survey->ring || !survey->threads))
		error = -ENOMEM;
	if (error == 0)
		error = start_thread(survey, walker);
	for (unsigned int i = 0; error == 0 && i < survey->workers; i++)
		error = start_thread(survey, worker);
	return error;
}

static void end_batch(struct survey *survey, struct survey_batch *batch)
{
	for (size_t i = 0; i < SURVEY_BATCH; i++) {
		if (batch->entries[i].directory)
			survey_drop(survey, batch->entries[i].directory);
		buffer_deinit(&batch->entries[i].path);
		buffer_deinit(&batch->entries[i].facts);
	}
}

static void end_threads(struct survey *survey)
{
	__atomic_store_n(&survey->examine.pace.stop, true, __ATOMIC_RELAXED);
	stop(survey, 0);
	for (unsigned int i = 0; i < survey->started; i++)
		pthread_join(survey->threads[i], NULL);
}

void survey_end(struct survey *survey)
{
	if (survey->started)
		end_threads(survey);
	for (size_t i = 0; survey->ring && i < SURVEY_RING; i++)
		end_batch(survey, &survey->ring[i]);
	for (char **root = survey->roots; root && *root; root++)
		free(*root);
	while (survey->notices) {
		struct survey_notice *next = survey->notices->next;

		free(survey->notices);
		survey->notices = next;
	}
	mount_table_deinit(&survey->mounts);
	exclude_deinit(&survey->exclude);
	free(survey->roots);
	free(survey->threads);
	free(survey->ring);
	*survey = (struct survey){0};
}
