/* SPDX-License-Identifier: GPL-2.0-only
 *
 * tap.h - everything read from one set of attached programs: its rings, its
 * maps, and the proof that nothing is missing.
 *
 * Every record carries a number of its CPU without holes. A hole is declared
 * when a later number of that CPU has been read, or when the counter kept by
 * the kernel stays ahead of the ring for TAP_MISSING_NS after the ring was
 * drained: a record is numbered some microseconds before it is in the ring, so
 * a counter read at one moment proves nothing yet.
 */
#ifndef FIM_TAP_H
#define FIM_TAP_H

#include <stdint.h>

#include "absent.h"
#include "order.h"
#include "ring.h"

#define TAP_MISSING_NS 100000000ull
#define TAP_LOOK_NS 50000000ull
#define TAP_FAILURES 2 /* counters of the kernel side that tell why a hole is */

/* Descriptors of the maps of maps.h; the tap does not own them. */
struct tap_maps {
	int watched;
	int sequence;
	int counters;
	int settings;
	int learned;
	int events;
	int wanted;
	int absent;
};

struct tap_gap {
	uint32_t cpu;
	uint64_t first, last; /* numbers that are missing */
	uint64_t since, until; /* CLOCK_MONOTONIC, ns */
	const char *reason;
};

/* Called for every hole, in the order of its finding. `since` is when the last record
 * before it was made, or its number was declared missing. */
typedef void tap_on_gap(void *context, const struct tap_gap *gap);

struct tap {
	unsigned number; /* told to the order with each record */
	struct tap_maps maps;
	struct absent absent;
	size_t pages; /* of a ring */
	struct ring *rings;
	unsigned ring_count;
	struct tap_cpu *cpus;
	unsigned cpu_count;
	struct ring_room *room;
	struct order *order;
	tap_on_gap *on_gap;
	void *context;
	uint64_t failed[TAP_FAILURES]; /* counters that tell why a hole is, as last read */
	uint64_t looked;    /* when the counters were last read */
	uint64_t received;  /* records */
	uint64_t malformed; /* refused by the decoder */
	uint64_t foreign;   /* of another FIM_EVENT_ABI */
	uint64_t odd;       /* what was in a ring and cannot be */
	uint64_t no_memory; /* records dropped for want of memory */
};

/* Open a ring of `pages` pages on every online CPU; one that comes online later, or
 * again, gets one when its first record could not be submitted. -errno. */
int tap_init(struct tap *tap, const struct tap_maps *maps, size_t pages);
void tap_deinit(struct tap *tap);

/* Move what the rings hold to the order and look for holes. Returns how many
 * records came, or -errno. `final`: nothing is in flight any more, so what is
 * missing is missing. */
int tap_drain(struct tap *tap, int final);

/* Wait until a ring passes its watermark, at most `timeout_ms`. 0 or -errno */
int tap_wait(struct tap *tap, int timeout_ms);

/* Sum over the CPUs of one enum fim_counter. */
uint64_t tap_counter(const struct tap *tap, enum fim_counter counter);

/* CLOCK_MONOTONIC, ns: the clock of struct fim_event.time */
uint64_t tap_now(void);

#endif
