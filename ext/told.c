// SPDX-License-Identifier: GPL-2.0-only
#include "told.h"

#include <string.h>

int told_add(struct buffer *all, struct bytes path, const struct traits *traits)
{
	struct told told = {*traits, path.length};

	buffer_add(all, &told, sizeof(told));
	buffer_add(all, path.data, path.length);
	return all->error;
}

bool told_next(const struct buffer *all, size_t *at, struct told *ret, struct bytes *path)
{
	if (*at == all->length)
		return false;
	memcpy(ret, all->data + *at, sizeof(*ret));
	*path = bytes_of(all->data + *at + sizeof(*ret), ret->length);
	*at += sizeof(*ret) + ret->length;
	return true;
}
