/* SPDX-License-Identifier: GPL-2.0-only
 *
 * decode_fuzz.c - libFuzzer target: any bytes decoded and rendered.  Beside
 * what the sanitizers find, it holds that nothing acts on a terminal.
 */
#include <stdint.h>
#include <stdlib.h>

#include "trivial_view.h"
#include "utf8.h"

static void must_be_harmless(struct bytes text)
{
	while (text.length) {
		uint32_t c;
		size_t length = utf8_character(text, &c);

		if (!length || utf8_acts(c))
			abort();
		text = bytes_of(text.data + length, text.length - length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	static struct buffer json, text;
	/* Exactly as long as the input, so that a byte too far is seen. */
	void *copy = malloc(length ? length : 1);

	if (length)
		memcpy(copy, data, length);
	buffer_reset(&json);
	buffer_reset(&text);
	if (render_raw(copy, length, &json, &text) == 0) {
		must_be_harmless(buffer_bytes(&json));
		must_be_harmless(buffer_bytes(&text));
	}
	free(copy);
	return 0;
}
