/* SPDX-License-Identifier: GPL-2.0-only
 *
 * frame.h - how a test talks to a driver: frames of a length and bytes.
 */
#ifndef FIM_FRAME_H
#define FIM_FRAME_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"

/* Exactly as long as the frame, so that the sanitizer sees a byte too far; to
 * be freed.  False at the end of the input. */
static inline bool frame_read(struct bytes *ret)
{
	uint32_t length;
	char *data;

	if (fread(&length, sizeof(length), 1, stdin) != 1)
		return false;
	data = malloc(length ? length : 1);
	if (length && fread(data, 1, length, stdin) != length)
		abort();
	*ret = bytes_of(data, length);
	return true;
}

static inline void frame_write(const void *data, size_t size)
{
	uint32_t length = (uint32_t)size;

	fwrite(&length, sizeof(length), 1, stdout);
	if (size)
		fwrite(data, 1, size, stdout);
	fflush(stdout);
}

#endif
