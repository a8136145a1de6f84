// SPDX-License-Identifier: GPL-2.0-only
#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf_map.h"
#include "decode.h"

struct tap_cpu {
	uint64_t seen;     /* last number read, or declared missing */
	uint64_t seen_at;  /* time of that record */
	uint64_t awaited;  /* the counter was here ... */
	uint64_t since;    /* ... at this time, and the ring behind it */
	uint64_t counter;  /* as read before the last draining */
	const char *reason; /* of a hole that is not declared yet, NULL unknown */
	uint64_t renewed;   /* when its ring was opened anew, 0 never */
	int submit_failed;  /* since then */
};

/* A full ring refuses records, too: it is not opened anew for each of them. */
#define RENEW_NS 1000000000ull

uint64_t tap_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// In force as soon as it is there.
static int tap_open_ring(struct tap *tap, uint32_t cpu, struct ring *ret)
{
	// Wake up at a quarter: what is slower than that is fetched by time.
	uint32_t wakeup = (uint32_t)(tap->pages * (size_t)sysconf(_SC_PAGESIZE) / 4);
	int error = ring_init(ret, cpu, tap->pages, wakeup);

	if (error < 0)
		return error;
	error = bpf_map_update(tap->maps.events, &cpu, &ret->fd);
	if (error < 0)
		ring_deinit(ret);
	return error;
}

static int tap_add_ring(struct tap *tap, uint32_t cpu)
{
	int error = tap_open_ring(tap, cpu, &tap->rings[tap->ring_count]);

	if (error == -ENODEV || error == -ENXIO)
		return 0; // offline
	tap->ring_count += error == 0;
	return error;
}

static int tap_allocate(struct tap *tap)
{
	int cpus = bpf_map_possible_cpus();

	if (cpus < 0)
		return cpus;
	tap->cpu_count = (unsigned)cpus;
	tap->rings = calloc(tap->cpu_count, sizeof(*tap->rings));
	tap->cpus = calloc(tap->cpu_count, sizeof(*tap->cpus));
	tap->room = malloc(sizeof(*tap->room));
	return tap->rings && tap->cpus && tap->room ? 0 : -ENOMEM;
}

// Read every CPU's counter, before the draining that should reach it.
static int tap_look(struct tap *tap)
{
	uint64_t *counters = calloc(tap->cpu_count, sizeof(*counters));
	uint32_t zero = 0;
	int error;

	if (!counters)
		return -ENOMEM;
	error = bpf_map_lookup(tap->maps.sequence, &zero, counters);
	for (unsigned cpu = 0; error == 0 && cpu < tap->cpu_count; cpu++)
		tap->cpus[cpu].counter = counters[cpu];
	free(counters);
	return error;
}

// Why a number is missing, where that is known before the hole is.
static const char refused[] = "a record could not be understood";
static const char torn[] = "the ring was torn";
static const char no_memory[] = "no memory for a record";
static const char full[] = "the ring was full";
static const char unsubmitted[] = "the ring was full, or its CPU has none";

// What the kernel could not even try to submit, since the last call; NULL: nothing.
static const char *tap_counted(struct tap *tap)
{
	static const struct {
		enum fim_counter counter;
		const char *reason;
	} counters[TAP_FAILURES] = {
		{FIM_COUNTER_STAGE_FAILED, "a program could not call the next one"},
		{FIM_COUNTER_SUBMIT_FAILED, unsubmitted},
	};
	const char *reason = NULL;

	for (size_t i = 0; i < TAP_FAILURES; i++) {
		uint64_t count = tap_counter(tap, counters[i].counter);

		if (count > tap->failed[i])
			reason = counters[i].reason;
		tap->failed[i] = count;
	}
	return reason;
}

// Numbers and failures before are another's.
static int tap_start(struct tap *tap)
{
	int error = tap_look(tap);

	tap_counted(tap);
	for (unsigned cpu = 0; cpu < tap->cpu_count; cpu++) {
		tap->cpus[cpu].seen = tap->cpus[cpu].counter;
		tap->cpus[cpu].seen_at = tap_now();
	}
	return error;
}

int tap_init(struct tap *tap, const struct tap_maps *maps, size_t pages)
{
	int error;

	memset(tap, 0, sizeof(*tap));
	tap->maps = *maps;
	tap->pages = pages;
	error = tap_allocate(tap);
	if (error == 0)
		error = tap_start(tap);
	for (uint32_t cpu = 0; error == 0 && cpu < tap->cpu_count; cpu++)
		error = tap_add_ring(tap, cpu);
	if (error < 0)
		tap_deinit(tap);
	return error;
}

void tap_deinit(struct tap *tap)
{
	for (unsigned i = 0; i < tap->ring_count; i++)
		ring_deinit(&tap->rings[i]);
	free(tap->rings);
	free(tap->cpus);
	free(tap->room);
	tap->rings = NULL;
	tap->cpus = NULL;
	tap->room = NULL;
	tap->ring_count = 0;
	tap->cpu_count = 0;
}

static const char *tap_reason(struct tap *tap, struct tap_cpu *c)
{
	const char *counted = tap_counted(tap), *reason = c->reason;

	c->reason = NULL;
	c->submit_failed |= counted == unsubmitted;
	return reason ? reason : counted ? counted : full;
}

static void tap_hole(struct tap *tap, uint32_t cpu, uint64_t last, uint64_t until)
{
	struct tap_cpu *c = &tap->cpus[cpu];
	struct tap_gap gap = {cpu, c->seen + 1, last, c->seen_at, until, tap_reason(tap, c)};

	if (tap->on_gap)
		tap->on_gap(tap->context, &gap);
	c->seen = last;
	c->seen_at = until;
}

/* A ring being read. */
struct tap_ring {
	struct tap *tap;
	struct tap_cpu *cpu;
};

static int tap_sample(void *context, const void *bytes, size_t length)
{
	const struct tap_ring *ring = context;
	struct tap *tap = ring->tap;
	const struct fim_event *event;
	int error = fim_decode(bytes, length, &event);

	if (error < 0 || event->cpu >= tap->cpu_count) {
		error == -EPROTO ? tap->foreign++ : tap->malformed++;
		ring->cpu->reason = refused; // its number is missing: it becomes a hole
		return 0;
	}
	if (event->seq > tap->cpus[event->cpu].seen + 1)
		tap_hole(tap, event->cpu, event->seq - 1, event->time);
	if (order_push(tap->order, event, tap->number) < 0) {
		tap->no_memory++;
		ring->cpu->reason = no_memory; // as above
		return 0;
	}
	if (event->seq > tap->cpus[event->cpu].seen)
		tap->cpus[event->cpu].seen = event->seq;
	tap->cpus[event->cpu].seen_at = event->time;
	tap->received++;
	return 0;
}

static int tap_read(struct tap *tap, struct ring *ring)
{
	struct tap_ring reading = {tap, &tap->cpus[ring->cpu]};
	uint64_t odd = ring->odd;
	int error = ring_drain(ring, tap->room, tap_sample, &reading);

	if (ring->odd > odd) {
		tap->odd += ring->odd - odd;
		reading.cpu->reason = torn;
	}
	return error;
}

// What was given out when the counter was read, and has not come, is missing since
// then: what is given out meanwhile may come yet.
static void tap_await(struct tap *tap, uint32_t cpu, uint64_t now, int final)
{
	struct tap_cpu *c = &tap->cpus[cpu];

	if (c->counter <= c->seen) {
		c->awaited = 0;
	} else if (final) {
		tap_hole(tap, cpu, c->counter, now);
	} else if (c->awaited > c->seen && now - c->since > TAP_MISSING_NS) {
		tap_hole(tap, cpu, c->awaited, c->since);
		c->awaited = 0;
	} else if (c->awaited <= c->seen) {
		c->awaited = c->counter;
		c->since = now;
	}
}

static struct ring *tap_ring_of(struct tap *tap, uint32_t cpu)
{
	for (unsigned i = 0; i < tap->ring_count; i++)
		if (tap->rings[i].cpu == cpu)
			return &tap->rings[i];
	return NULL;
}

// A CPU that came after us has no ring; the ring of one that was away is dead.
static int tap_renew(struct tap *tap, uint32_t cpu, uint64_t now)
{
	struct tap_cpu *c = &tap->cpus[cpu];
	struct ring *old = tap_ring_of(tap, cpu), new;
	int error;

	if (!c->submit_failed || (c->renewed && now - c->renewed < RENEW_NS))
		return 0;
	c->submit_failed = 0;
	c->renewed = now;
	if (tap_open_ring(tap, cpu, &new) < 0)
		return 0; // it is away
	if (!old) {
		tap->rings[tap->ring_count++] = new;
		return 0;
	}
	error = tap_read(tap, old);
	ring_deinit(old);
	*old = new;
	return error;
}

int tap_drain(struct tap *tap, int final)
{
	uint64_t now = tap_now(), before = tap->received;
	int look = final || now - tap->looked >= TAP_LOOK_NS;
	int error = look ? tap_look(tap) : 0;

	for (unsigned i = 0; error >= 0 && i < tap->ring_count; i++)
		error = tap_read(tap, &tap->rings[i]);
	if (error < 0)
		return error;
	if (look) {
		tap->looked = now;
		for (unsigned cpu = 0; cpu < tap->cpu_count; cpu++)
			tap_await(tap, cpu, now, final);
	}
	for (uint32_t cpu = 0; error >= 0 && cpu < tap->cpu_count; cpu++)
		error = tap_renew(tap, cpu, now);
	if (error < 0)
		return error;
	return (int)(tap->received - before);
}

int tap_wait(struct tap *tap, int timeout_ms)
{
	struct pollfd *fds = calloc(tap->ring_count ? tap->ring_count : 1, sizeof(*fds));
	int error = 0;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < tap->ring_count; i++)
		fds[i] = (struct pollfd){.fd = tap->rings[i].fd, .events = POLLIN};
	if (poll(fds, tap->ring_count, timeout_ms) < 0)
		error = -errno;
	free(fds);
	return error;
}

uint64_t tap_counter(const struct tap *tap, enum fim_counter counter)
{
	uint64_t *values = calloc(tap->cpu_count, sizeof(*values)), sum = 0;
	uint32_t key = counter;

	if (values && bpf_map_lookup(tap->maps.counters, &key, values) == 0)
		for (unsigned cpu = 0; cpu < tap->cpu_count; cpu++)
			sum += values[cpu];
	free(values);
	return sum;
}
