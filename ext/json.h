/* SPDX-License-Identifier: GPL-2.0-only
 *
 * json.h - JSON, written into a struct buffer; commas come by themselves.
 *
 *	json_begin_object(out);
 *	json_key(out, "pid");
 *	json_unsigned(out, 1);
 *	json_end_object(out);
 *
 * The writer keeps no state: whether a comma is due is seen from the last byte.
 * So a buffer holds one value; for the next, buffer_reset() or a newline
 * (json_end_line()).  That keys and values alternate and ends match is up to
 * the caller.  Errors: see buffer.h.
 */
#ifndef FIM_JSON_H
#define FIM_JSON_H

#include <stdint.h>

#include "buffer.h"

void json_begin_object(struct buffer *out);
void json_end_object(struct buffer *out);
void json_begin_array(struct buffer *out);
void json_end_array(struct buffer *out);
void json_end_line(struct buffer *out);

/* `key` is ours: ASCII without anything to escape. */
void json_key(struct buffer *out, const char *key);

void json_null(struct buffer *out);
void json_bool(struct buffer *out, bool value);
void json_unsigned(struct buffer *out, uint64_t value);
void json_signed(struct buffer *out, int64_t value);

/* A string of any bytes; `.data` NULL gives null.  UTF-8 passes; of what is
 * not, each byte becomes the four characters \xNN; characters that act on a
 * terminal (utf8.h) are written \uNNNN. */
void json_text(struct buffer *out, struct bytes text);
void json_string(struct buffer *out, const char *string);

/* A number that may not fit a double: as a string. */
void json_number_text(struct buffer *out, uint64_t value);
/* "8:1", from the kernel's dev_t */
void json_dev(struct buffer *out, uint32_t dev);
/* "0644", the permission bits alone */
void json_mode(struct buffer *out, uint32_t mode);
/* "2026-11-23T04:05:06.123456789Z"; null when the year is not of four digits.
 * A `nsec` of a second and more is carried. */
void json_time(struct buffer *out, int64_t sec, uint32_t nsec);
/* The same from ns since 1970. */
void json_time_ns(struct buffer *out, int64_t ns);
void json_base64(struct buffer *out, struct bytes data);

/* A value that is JSON already; an empty one gives null. */
void json_raw(struct buffer *out, struct bytes json);

#endif
