// SPDX-License-Identifier: GPL-2.0-only
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

#define WARM UINT64_MAX
#define SLEEP_MAX 100000000u /* ns: it may be stopped meanwhile */

struct reading {
	int fd;
	bool tells;    /* each read says whether the cache had it */
	uint64_t cold; /* where it first had it not, or WARM */
};

// As its first page, so the whole: for kernels whose reads do not tell.
static bool first_page_is_cached(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	unsigned char resident = 1;

	if (map == MAP_FAILED)
		return true;
	if (mincore(map, page, &resident) < 0)
		resident = 1;
	munmap(map, page);
	return resident & 1;
}

// Only what the cache has; -EAGAIN: it has it not. Kernels before 4.14, and some
// file systems, cannot say.
static ssize_t read_cached(int fd, char *part, size_t length, uint64_t offset)
{
#ifdef SYS_preadv2
	struct iovec vector = {part, length};
	ssize_t done = syscall(SYS_preadv2, fd, &vector, 1L, (long)offset,
			       (long)(offset >> 32), RWF_NOWAIT);

	return done < 0 ? -errno : done;
#else
	return -ENOSYS;
#endif
}

// Once the cache did not have something, what follows was read ahead by us: it
// tells nothing any more.
static void note_cold(struct reading *reading, ssize_t done, uint64_t offset)
{
	reading->tells = false;
	if (done == -EAGAIN)
		reading->cold = offset;
	else if (done < 0 && !first_page_is_cached(reading->fd))
		reading->cold = 0;
}

static ssize_t read_part(struct reading *reading, char *part, size_t length, uint64_t offset)
{
	ssize_t done;

	if (reading->tells) {
		done = read_cached(reading->fd, part, length, offset);
		if (done > 0)
			return done;
		note_cold(reading, done, offset);
	}
	do {
		done = pread(reading->fd, part, length, (off_t)offset);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : done;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool stopped(const struct content_pace *pace)
{
	return __atomic_load_n(&pace->stop, __ATOMIC_RELAXED);
}

static void sleep_until(const struct content_pace *pace, uint64_t then)
{
	for (uint64_t at = now(); at < then && !stopped(pace); at = now()) {
		uint64_t left = then - at < SLEEP_MAX ? then - at : SLEEP_MAX;
		struct timespec pause = {.tv_nsec = (long)left};

		nanosleep(&pause, NULL);
	}
}

// Each read moves the time at which the next may start, whichever thread it is.
static void keep_pace(struct content_pace *pace, size_t length)
{
	uint64_t before, start, cost, at = now();

	__atomic_add_fetch(&pace->read, length, __ATOMIC_RELAXED);
	if (!pace->bytes_per_second)
		return;
	cost = length * 1000000000u / pace->bytes_per_second;
	before = __atomic_load_n(&pace->free_at, __ATOMIC_RELAXED);
	do {
		start = before > at ? before : at;
	} while (!__atomic_compare_exchange_n(&pace->free_at, &before, start + cost, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	sleep_until(pace, start);
}

static int digest_all(struct reading *reading, uint64_t size, struct digest *digest, char *part,
		      struct content_pace *pace)
{
	int error = digest_start(digest);

	for (uint64_t offset = 0; error == 0 && offset < size;) {
		uint64_t left = size - offset;
		ssize_t done = read_part(reading, part, left < CONTENT_PART ? left : CONTENT_PART,
					 offset);

		if (done <= 0)
			return (int)done;
		error = digest_add(digest, part, (size_t)done);
		offset += (uint64_t)done;
		keep_pace(pace, (size_t)done);
		if (stopped(pace))
			return -ECANCELED;
	}
	return error;
}

int content_digest(int fd, uint64_t size, struct digest *digest, char *part,
		   struct content_pace *pace)
{
	struct reading reading = {.fd = fd, .tells = true, .cold = WARM};
	int error = digest_all(&reading, size, digest, part, pace);

	if (reading.cold != WARM)
		posix_fadvise(fd, (off_t)reading.cold, 0, POSIX_FADV_DONTNEED);
	return error;
}
