/* SPDX-License-Identifier: GPL-2.0-only
 *
 * arguments.h - a process's arguments, without the secrets in them: passwords on
 * command lines are common, and a record goes further than /proc does.
 *
 * What looks like a secret by the table in arguments.c is written "***", up to the
 * end of its argument: rather too much than too little.
 */
#ifndef FIM_ARGUMENTS_H
#define FIM_ARGUMENTS_H

#include "decode.h"

enum arguments_shown {
	ARGUMENTS_REDACTED,
	ARGUMENTS_ALL,
	ARGUMENTS_NONE,
};

#define ARGUMENT_SIZE 1280 /* more than the kernel side gathers */

struct arguments {
	enum arguments_shown shown;
	struct bytes rest;
	struct bytes program; /* last name of the command at hand */
	bool started, next_is_secret;
	char text[ARGUMENT_SIZE];
};

/* `text` as a record has it. */
void arguments_init(struct arguments *arguments, struct bytes text,
		    enum arguments_shown shown);

/* The next one; `ret` holds until the one after. */
bool arguments_next(struct arguments *arguments, struct bytes *ret);

#endif
