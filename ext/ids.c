// SPDX-License-Identifier: GPL-2.0-only
#include "ids.h"

#include <errno.h>
#include <stdlib.h>

int ids_add(struct ids *ids, const struct fim_id *id)
{
	size_t room = ids->room ? ids->room * 2 : 64;
	struct fim_id *more;

	if (ids->count == ids->room) {
		more = realloc(ids->id, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		ids->id = more;
		ids->room = room;
	}
	ids->id[ids->count++] = *id;
	return 0;
}

void ids_reset(struct ids *ids)
{
	free(ids->id);
	*ids = (struct ids){0};
}

const struct fim_id *ids_next(struct ids *ids)
{
	return ids->next < ids->count ? &ids->id[ids->next++] : NULL;
}
