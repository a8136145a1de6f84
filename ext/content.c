// SPDX-License-Identifier: GPL-2.0-only
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

#define WARM UINT64_MAX

struct reading {
	int fd;
	bool asked;    /* whether the cache has the file, where each read cannot tell */
	uint64_t cold; /* where it was first not in the cache, or WARM */
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

static ssize_t read_part(struct reading *reading, char *part, size_t length, uint64_t offset)
{
	ssize_t done = -EAGAIN;

	if (reading->cold == WARM && !reading->asked)
		done = read_cached(reading->fd, part, length, offset);
	if (done > 0)
		return done;
	if (done != -EAGAIN && done != 0 && !reading->asked) {
		reading->asked = true;
		reading->cold = first_page_is_cached(reading->fd) ? WARM : 0;
	} else if (done == -EAGAIN && !reading->asked && reading->cold == WARM) {
		reading->cold = offset;
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
	if (start > at) {
		struct timespec pause = {(time_t)((start - at) / 1000000000u),
					 (long)((start - at) % 1000000000u)};

		nanosleep(&pause, NULL);
	}
}

int content_digest(int fd, uint64_t size, struct digest *digest, char *part,
		   struct content_pace *pace)
{
	struct reading reading = {.fd = fd, .cold = WARM};
	uint64_t offset = 0;
	int error = digest_start(digest);

	while (error == 0 && offset < size) {
		size_t wanted = size - offset < CONTENT_PART ? size - offset : CONTENT_PART;
		ssize_t done = read_part(&reading, part, wanted, offset);

		if (done <= 0) {
			error = (int)done;
			break;
		}
		error = digest_add(digest, part, (size_t)done);
		offset += (uint64_t)done;
		keep_pace(pace, (size_t)done);
	}
	if (reading.cold != WARM)
		posix_fadvise(fd, (off_t)reading.cold, 0, POSIX_FADV_DONTNEED);
	return error;
}
