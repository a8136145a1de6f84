/* SPDX-License-Identifier: GPL-2.0-only
 *
 * notice.h - the records that are not events: gap, found, withheld, error and
 * those that Python makes. Each is one JSON object or one line of text.
 */
#ifndef FIM_NOTICE_H
#define FIM_NOTICE_H

#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"
#include "bytes.h"
#include "record.h"
#include "tap.h"
#include "traits.h"

/* Open a record of `kind`; the caller adds members and ends the object. */
void notice_begin(const struct fim_stream *stream, const char *kind, int64_t time_ns,
		  struct buffer *out);

/* A whole record whose own members are given as JSON: `"a": 1, "b": 2` or "". */
void notice_json(const struct fim_stream *stream, const char *kind, int64_t time_ns,
		 struct bytes members, struct buffer *out);

/* A line for a terminal: time, kind, message; what is not text is escaped. */
void notice_text(const char *kind, int64_t time_ns, bool utc, struct bytes message,
		 struct buffer *out);

/* Members of a gap; `offset` leads from the monotonic to the wall clock. */
void notice_gap(const struct tap_gap *gap, int64_t offset, struct buffer *out);
/* Members of a found: what was there before its directory was watched. */
/* `whole`: all of its traits are known; else its type and mode. */
void notice_found(struct bytes path, const struct traits_of *of, bool whole, const char *reason,
		  struct buffer *out);

#endif
