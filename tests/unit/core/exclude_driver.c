/* SPDX-License-Identifier: GPL-2.0-only
 *
 * exclude_driver.c - a path, then patterns, each after a NUL; out "m" where the
 * path matches, "c" where it is covered.
 */
#include "exclude.h"
#include "frame.h"

int main(void)
{
	struct bytes request;

	while (frame_read(&request)) {
		struct exclude exclude = {0};
		struct bytes path = {request.data, strnlen(request.data, request.length)};
		char answer[2];
		size_t length = 0;

		for (size_t at = path.length + 1; at < request.length;
		     at += strlen(request.data + at) + 1)
			if (exclude_add(&exclude, request.data + at) < 0)
				abort();
		if (exclude_matches(&exclude, path))
			answer[length++] = 'm';
		if (exclude_covers(&exclude, path))
			answer[length++] = 'c';
		frame_write(answer, length);
		exclude_deinit(&exclude);
		free((char *)request.data);
	}
	return 0;
}
