// SPDX-License-Identifier: GPL-2.0-only
#include "spots.h"

#include <errno.h>
#include <stdlib.h>

struct spot {
	struct spot *next;
	uint32_t bits;
	size_t length;
	char path[]; /* without a slash at its end */
};

int spots_add(struct spots *spots, const char *path, uint32_t bits)
{
	size_t length = strlen(path);
	struct spot *spot = malloc(sizeof(*spot) + length + 1);

	if (!spot)
		return -ENOMEM;
	while (length && path[length - 1] == '/')
		length--;
	spot->next = spots->first;
	spot->bits = bits;
	spot->length = length;
	memcpy(spot->path, path, length);
	spots->first = spot;
	return 0;
}

void spots_deinit(struct spots *spots)
{
	while (spots->first) {
		struct spot *next = spots->first->next;

		free(spots->first);
		spots->first = next;
	}
}

static bool lies_in(const struct spot *spot, struct bytes path)
{
	return path.length >= spot->length && memcmp(path.data, spot->path, spot->length) == 0 &&
	       (path.length == spot->length || path.data[spot->length] == '/');
}

uint32_t spots_at(const struct spots *spots, struct bytes path)
{
	uint32_t bits = 0;

	for (const struct spot *spot = spots->first; spot; spot = spot->next)
		if (path.data && lies_in(spot, path))
			bits |= spot->bits;
	return bits;
}
