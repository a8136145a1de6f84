/* SPDX-License-Identifier: GPL-2.0-only
 *
 * error_name.h - an errno by its name; glibc has that from 2.32 on.
 */
#ifndef FIM_ERROR_NAME_H
#define FIM_ERROR_NAME_H

#include <stdbool.h>

#define ERROR_NAME_SIZE 16

/* "EACCES"; for an unknown number "E" and the number, in `room`. */
const char *error_name(unsigned error, char room[ERROR_NAME_SIZE]);

/* Whether it says that the actor may not, rather than that it cannot be done. */
bool error_is_denial(unsigned error);

#endif
