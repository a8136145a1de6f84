// SPDX-License-Identifier: GPL-2.0-only
//
// survey_driver.c - survey the trees named and print their paths, each with the
// size of its facts; with -s stop half way. Built under the sanitizers.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey.h"

static void print(const struct survey_batch *batch)
{
	for (unsigned int i = 0; i < batch->count; i++)
		if (batch->entries[i].error >= 0)
			printf("%s %zu\n", batch->entries[i].path.data,
			       batch->entries[i].facts.length);
}

static int run(struct survey *survey, int batches)
{
	struct survey_batch *batch;
	int got = survey_start(survey);

	while (got >= 0 && batches-- != 0 && !survey_is_over(survey)) {
		got = survey_next(survey, 1000, &batch);
		if (got == 1) {
			print(batch);
			survey_release(survey);
		}
	}
	survey_end(survey);
	return got < 0;
}

int main(int argc, char **argv)
{
	bool stop = argc > 1 && strcmp(argv[1], "-s") == 0;
	struct survey survey = {.workers = 4};
	const char *why;

	survey.examine.kind = digest_find("sha256", &why);
	survey.roots = calloc((size_t)argc, sizeof(*survey.roots));
	if (!survey.examine.kind || !survey.roots)
		return 2;
	for (int i = 1 + stop; i < argc; i++)
		survey.roots[i - 1 - stop] = strdup(argv[i]);
	return run(&survey, stop ? 2 : -1);
}
