// SPDX-License-Identifier: GPL-2.0-only
#include "exclude.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

int exclude_add(struct exclude *exclude, const char *pattern)
{
	char **patterns = realloc(exclude->patterns,
				  (exclude->count + 1) * sizeof(*patterns));
	char *copy = strdup(pattern);

	if (patterns)
		exclude->patterns = patterns;
	if (!patterns || !copy) {
		free(copy);
		return -ENOMEM;
	}
	patterns[exclude->count++] = copy;
	return 0;
}

void exclude_deinit(struct exclude *exclude)
{
	for (size_t i = 0; i < exclude->count; i++)
		free(exclude->patterns[i]);
	free(exclude->patterns);
	*exclude = (struct exclude){0};
}

static bool text_matches(const struct exclude *exclude, const char *path)
{
	const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;

	for (size_t i = 0; i < exclude->count; i++) {
		const char *pattern = exclude->patterns[i];

		if (fnmatch(pattern, strchr(pattern, '/') ? path : leaf, 0) == 0)
			return true;
	}
	return false;
}

static bool matches(const struct exclude *exclude, struct bytes path, bool above)
{
	char *text, *slash;
	bool found;

	if (!exclude->count || !path.data || !(text = strndup(path.data, path.length)))
		return false;
	found = text_matches(exclude, text);
	while (above && !found && (slash = strrchr(text, '/')) && slash != text) {
		*slash = '\0';
		found = text_matches(exclude, text);
	}
	free(text);
	return found;
}

bool exclude_matches(const struct exclude *exclude, struct bytes path)
{
	return matches(exclude, path, false);
}

bool exclude_covers(const struct exclude *exclude, struct bytes path)
{
	return matches(exclude, path, true);
}
