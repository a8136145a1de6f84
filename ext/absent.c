// SPDX-License-Identifier: GPL-2.0-only
#include "absent.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "bpf_map.h"
#include "event.h"

#define AT_ONCE 64 // stats between two looks at how far it is

static bool set_serve(int settings, uint32_t serve)
{
	struct fim_settings set;
	uint32_t zero = 0;

	if (bpf_map_lookup(settings, &zero, &set) < 0)
		return false;
	set.serve = serve;
	return bpf_map_update(settings, &zero, &set) == 0;
}

static uint64_t serving(int learned)
{
	struct fim_learned l;
	uint32_t zero = 0;

	return bpf_map_lookup(learned, &zero, &l) == 0 ? l.serving : 0;
}

void absent_serve(struct absent *absent, int settings, int learned)
{
	uint64_t before, now = serving(learned);
	struct stat st;

	absent->tried = true;
	if (!set_serve(settings, 1))
		return;
	do {
		before = now;
		for (int i = 0; i < AT_ONCE; i++)
			if (fstatat(AT_FDCWD, "/", &st, AT_SYMLINK_NOFOLLOW) < 0)
				break;
		now = serving(learned);
	} while (now > before && now < FIM_ABSENT_BLOCKS);
	set_serve(settings, 0);
	absent->serves = now > 0; // some of it is as good
}

// Of a slot that counts from zero again no sum comes to FIM_ABSENT.
int absent_let_all(struct absent *absent)
{
	static const struct fim_absent none;
	int error = 0;

	if (!absent->serves)
		return 0;
	for (uint32_t block = 0; error == 0 && block < FIM_ABSENT_BLOCKS; block++)
		error = bpf_map_update(absent->map, &block, &none);
	absent->serves = error < 0;
	return error;
}
