/* SPDX-License-Identifier: GPL-2.0-only
 *
 * rendering.c - decode a record and write it as JSON, COUNT times.
 *
 *	rendering FILE COUNT    prints "seconds bytes": CPU time, bytes of one line
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "decode.h"
#include "process_last.h"
#include "record.h"

static uint64_t raw[1024], copy[1024];

static size_t load(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t length = file ? fread(raw, 1, sizeof(raw), file) : 0;

	if (!length || fclose(file))
		exit(1);
	return length;
}

static void render(size_t length, const struct fim_stream *stream, struct buffer *out)
{
	struct fim_view view = {.path_complete = true, .user = "root"};
	static char path[EVENT_PATH_SIZE];

	memcpy(copy, raw, length);
	if (fim_decode(copy, length, &view.event) < 0)
		exit(1);
	event_path(view.event, FIM_TEXT_PATH, EVENT_ALL_NAMES, path, sizeof(path), &view.path);
	buffer_reset(out);
	fim_render_json(&view, stream, out);
}

int main(int argc, char **argv)
{
	struct process_last last = {0};
	struct fim_stream stream = {
		.stream = "0123456789abcdef0123456789abcdef",
		.boot_id = "5b4a3e54-7a0b-4c6e-9a5f-0c9c6f7d8e9a",
		.host = bytes_of_string("{\"name\": \"host\"}"),
		.last = &last,
	};
	struct buffer out = {0};
	long count = argc == 3 ? atol(argv[2]) : 0;
	size_t length = argc == 3 ? load(argv[1]) : 0;

	for (long i = 0; i < count; i++) {
		stream.seq++;
		render(length, &stream, &out);
	}
	printf("%f %zu\n", (double)clock() / CLOCKS_PER_SEC, out.length);
	return out.error ? 1 : 0;
}
