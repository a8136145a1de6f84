/* SPDX-License-Identifier: GPL-2.0-only
 *
 * trivial_view.h - a raw record rendered both ways with nothing looked up: the
 * paths are those that the record's own walks spell.
 */
#ifndef FIM_TRIVIAL_VIEW_H
#define FIM_TRIVIAL_VIEW_H

#include "arguments.h"
#include "buffer.h"

extern enum arguments_shown trivial_arguments; /* redacted, unless it is set */

/* 0, or what fim_decode() says. `data` is 8-byte aligned. */
int render_raw(const void *data, size_t length, struct buffer *json,
	       struct buffer *text);

#endif
