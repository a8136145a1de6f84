/* SPDX-License-Identifier: GPL-2.0-only
 *
 * process.h - who did it: the `process` member of a record.  Only the
 * record*.c and process*.c use it.
 */
#ifndef FIM_PROCESS_H
#define FIM_PROCESS_H

#include "record.h"

void process_render_json(const struct fim_view *view,
			 const struct fim_stream *stream, struct buffer *out);

void process_render_text(const struct fim_view *view, struct buffer *out);

/* A path of the process: `known`, or else what the record's walk spells in
 * `buffer`, which is relative when it was cut; `.data` NULL without one. */
struct bytes process_path(const struct fim_view *view, struct bytes known,
			  enum fim_text_slot slot, char *buffer, size_t size);

#endif
