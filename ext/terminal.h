/* SPDX-License-Identifier: GPL-2.0-only
 *
 * terminal.h - texts of others, on a terminal: what is not UTF-8 or would act
 * on the terminal (utf8.h) is written \xNN, each byte; a text that is empty or
 * has a blank is put in double quotes (and a quote in it is \x22), so that it
 * cannot look like several columns.
 */
#ifndef FIM_TERMINAL_H
#define FIM_TERMINAL_H

#include "buffer.h"

void terminal_text(struct bytes text, struct buffer *out);

/* The same without quotes, for a text that is the last of its line. */
void terminal_escape(struct bytes text, struct buffer *out);

/* Up to about `columns` of it; whether that was all. */
bool terminal_cut(struct bytes text, size_t columns, struct buffer *out);

/* Spaces until what began at offset `start` is `columns` wide, and two more. */
void terminal_pad(struct buffer *out, size_t start, size_t columns);

#endif
