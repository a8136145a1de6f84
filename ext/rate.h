/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rate.h - at most so many records a second of one process; how many more there
 * were is told, with whose they were.
 */
#ifndef FIM_RATE_H
#define FIM_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define RATE_SLOTS 256 /* processes at a time; another one begins anew */
#define RATE_NS 1000000000ull

struct session;
struct rates;

/* NULL: no memory */
struct rates *rates_new(unsigned limit);
void rates_free(struct rates *rates);

/* Whether this one is beyond the limit; then it is counted. */
bool rates_hold(struct session *session, const struct fim_event *event);

/* Tell of those whose second is over, or all. */
void rates_tell(struct session *session, uint64_t now, bool final);

#endif
