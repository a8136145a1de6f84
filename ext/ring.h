/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ring.h - one CPU's perf ring: the pages the kernel writes records into.
 *
 *	page 0: perf_event_mmap_page, head (kernel's) and tail (ours)
 *	pages 1..2^n: records, each a header and
 *		SAMPLE: u32 size, then what the program submitted, padded
 *		LOST:   u64 id, u64 how many
 *
 * The reader is given only whole records, copied out where they wrap, so that
 * they are aligned to 8 bytes and stay put while they are read. Knows nothing
 * of events.
 */
#ifndef FIM_RING_H
#define FIM_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	int fd;
	unsigned cpu;
	void *pages;
	size_t length; /* of the mapping, bytes */
	uint64_t lost; /* as LOST records told */
	uint64_t odd;  /* records of a kind that cannot be */
};

/* Where a record lies while it is read; a record's size is a u16. */
#define RING_RECORD_MAX 65536
struct ring_room {
	uint64_t align;
	char bytes[RING_RECORD_MAX + 8];
};

/* One sample's bytes, 8-byte aligned, `length` with its padding; they are gone
 * when it returns. Not 0 ends the draining with that value. */
typedef int ring_sample(void *context, const void *bytes, size_t length);

/* `page_count` is a power of two; `wakeup` bytes make the fd readable.
 * -errno; -EINVAL for a page count that is none. */
int ring_init(struct ring *ring, unsigned cpu, size_t page_count, uint32_t wakeup);
void ring_deinit(struct ring *ring);

/* Give `sample` every record there was when it was called, in order. Returns
 * how many, or what `sample` returned when that was negative. */
int ring_drain(struct ring *ring, struct ring_room *room, ring_sample *sample,
	       void *context);

#endif
