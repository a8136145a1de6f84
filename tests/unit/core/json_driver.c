/* SPDX-License-Identifier: GPL-2.0-only
 *
 * json_driver.c - bytes in; out a JSON array of them as text and as base64,
 * and, of their first bytes, as numbers and times.
 */
#include "frame.h"
#include "json.h"
#include "terminal.h"
#include "utf8.h"

static void numbers(struct bytes data, struct buffer *out)
{
	struct {
		int64_t sec;
		uint32_t nsec;
		uint32_t small;
	} n;

	if (data.length < sizeof(n))
		return;
	memcpy(&n, data.data, sizeof(n));
	json_time(out, n.sec, n.nsec);
	json_time_ns(out, n.sec);
	json_dev(out, n.small);
	json_mode(out, n.small);
	json_signed(out, n.sec);
	json_unsigned(out, (uint64_t)n.sec);
	json_number_text(out, (uint64_t)n.sec);
}

static void answer(struct bytes data, struct buffer *out)
{
	struct buffer shown = {0};

	terminal_text(data, &shown);
	json_begin_object(out);
	json_key(out, "values");
	json_begin_array(out);
	json_text(out, data);
	json_base64(out, data);
	json_bool(out, utf8_valid(data));
	json_text(out, buffer_bytes(&shown));
	numbers(data, out);
	json_null(out);
	json_end_array(out);
	json_key(out, "none");
	json_begin_object(out);
	json_end_object(out);
	json_key(out, "raw");
	json_raw(out, bytes_of_string("[1,2]"));
	json_end_object(out);
	buffer_deinit(&shown);
}

int main(void)
{
	struct bytes data;

	while (frame_read(&data)) {
		struct buffer out = {0};

		answer(data, &out);
		frame_write(out.data, out.length);
		buffer_deinit(&out);
		free((char *)data.data);
	}
	return 0;
}
