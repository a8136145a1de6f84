/* SPDX-License-Identifier: GPL-2.0-only
 *
 * decode_driver.c - a raw record in; "result\n", JSON and text, each with a
 * newline, out.  Usage: decode_driver [enum arguments_shown]
 */
#include "buffer.h"
#include "frame.h"
#include "trivial_view.h"

int main(int count, char **arguments)
{
	struct bytes raw;

	if (count > 1)
		trivial_arguments = (enum arguments_shown)atoi(arguments[1]);
	while (frame_read(&raw)) {
		struct buffer json = {0}, text = {0};
		int r = render_raw(raw.data, raw.length, &json, &text);
		struct buffer answer = {0};

		buffer_format(&answer, "%d\n", r);
		buffer_add(&answer, json.data, json.length);
		buffer_add_byte(&answer, '\n');
		buffer_add(&answer, text.data, text.length);
		frame_write(answer.data, answer.length);
		buffer_deinit(&answer);
		buffer_deinit(&json);
		buffer_deinit(&text);
		free((char *)raw.data);
	}
	return 0;
}
