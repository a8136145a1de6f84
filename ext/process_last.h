/* SPDX-License-Identifier: GPL-2.0-only
 *
 * process_last.h - who did it, as it was written for the record before.
 *
 * One process nearly always makes many records in a row, and it is half of
 * each. What it is rendered from is compared, byte by byte; nothing is assumed.
 */
#ifndef FIM_PROCESS_LAST_H
#define FIM_PROCESS_LAST_H

#include "record.h"

struct process_last {
	struct buffer from; /* everything that the JSON depends on */
	struct buffer now;  /* the same of the record at hand */
	struct buffer json;
};

void process_last_deinit(struct process_last *last);

/* The `process` member's value, into `out`. */
void process_last_json(const struct fim_view *view, const struct fim_stream *stream,
		       struct buffer *out);

#endif
