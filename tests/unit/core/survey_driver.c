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
	int whole = survey_start(survey);

	while (whole >= 0 && batches-- != 0 && !survey_is_over(survey)) {
		whole = survey_wait(survey, 1000);
		if (whole > 0) {
			print(survey_batch(survey));
			survey_release(survey);
		}
	}
	survey_end(survey);
	return whole < 0;
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
