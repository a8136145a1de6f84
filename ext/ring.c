// SPDX-License-Identifier: GPL-2.0-only
#include "ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sample {
	struct perf_event_header header;
	uint32_t size;
	char bytes[];
};

struct lost {
	struct perf_event_header header;
	uint64_t id;
	uint64_t count;
};

static int ring_open(unsigned cpu, uint32_t wakeup)
{
	struct perf_event_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_BPF_OUTPUT;
	attr.sample_type = PERF_SAMPLE_RAW;
	attr.sample_period = 1;
	attr.watermark = 1;
	attr.wakeup_watermark = wakeup;
	fd = (int)syscall(__NR_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int ring_map(struct ring *ring)
{
	ring->pages = mmap(NULL, ring->length, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->pages == MAP_FAILED)
		return -errno;
	if (ioctl(ring->fd, PERF_EVENT_IOC_ENABLE, 0) == 0)
		return 0;
	return -errno;
}

int ring_init(struct ring *ring, unsigned cpu, size_t page_count, uint32_t wakeup)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int error;

	memset(ring, 0, sizeof(*ring));
	ring->pages = MAP_FAILED;
	ring->fd = -1;
	if (page_count == 0 || (page_count & (page_count - 1)) != 0)
		return -EINVAL;
	ring->cpu = cpu;
	ring->length = (page_count + 1) * page;
	ring->fd = ring_open(cpu, wakeup);
	error = ring->fd < 0 ? ring->fd : ring_map(ring);
	if (error < 0)
		ring_deinit(ring);
	return error;
}

void ring_deinit(struct ring *ring)
{
	if (ring->pages != MAP_FAILED)
		munmap(ring->pages, ring->length);
	if (ring->fd >= 0)
		close(ring->fd);
	ring->pages = MAP_FAILED;
	ring->fd = -1;
}

// Copy `length` bytes that start at `offset` of the data, round its end.
static void ring_copy(const char *data, size_t size, uint64_t offset, void *to, size_t length)
{
	size_t at = offset & (size - 1);
	size_t first = length < size - at ? length : size - at;

	memcpy(to, data + at, first);
	memcpy((char *)to + first, data, length - first);
}

// `record` holds the record at an address 4 bytes after a multiple of 8, so that
// what follows the 12 bytes of header and size is aligned.
static int ring_record(struct ring *ring, const char *record, ring_sample *sample, void *context)
{
	struct sample head;
	struct lost lost;

	memcpy(&head, record, sizeof(head));
	if (head.header.type == PERF_RECORD_SAMPLE && head.header.size >= sizeof(head) &&
	    head.size <= head.header.size - sizeof(head))
		return sample(context, record + sizeof(head), head.size);
	if (head.header.type == PERF_RECORD_LOST && head.header.size >= sizeof(lost)) {
		memcpy(&lost, record, sizeof(lost));
		ring->lost += lost.count;
		return 0;
	}
	ring->odd++;
	return 0;
}

int ring_drain(struct ring *ring, struct ring_room *room, ring_sample *sample, void *context)
{
	struct perf_event_mmap_page *control = ring->pages;
	size_t size = ring->length - (size_t)sysconf(_SC_PAGESIZE);
	const char *data = (const char *)control + (ring->length - size);
	uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = control->data_tail;
	char *record = room->bytes + 4;
	int count = 0, result = 0;

	while (tail < head && result >= 0) {
		struct perf_event_header header;

		ring_copy(data, size, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail) {
			ring->odd++; // cannot be: nothing behind it can be trusted
			tail = head;
			break;
		}
		ring_copy(data, size, tail, record, header.size);
		tail += header.size;
		result = ring_record(ring, record, sample, context);
		count++;
	}
	__atomic_store_n(&control->data_tail, tail, __ATOMIC_RELEASE);
	return result < 0 ? result : count;
}
