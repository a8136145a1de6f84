/* SPDX-License-Identifier: GPL-2.0-only
 *
 * utf8.h - which bytes may be shown as they are.
 */
#ifndef FIM_UTF8_H
#define FIM_UTF8_H

#include <stdint.h>

#include "bytes.h"

/* The length of the character that `text` starts with and the character in
 * `ret`; 0 when it does not start with one (overlong forms, surrogates and
 * what is above U+10FFFF are none). */
size_t utf8_character(struct bytes text, uint32_t *ret);

bool utf8_valid(struct bytes text);

/* Whether a character would not be seen, but act on what is: control characters
 * (C0, DEL, C1), line and paragraph separators, invisible ones, and those that
 * turn the direction of writing; by these a name can look like another. */
bool utf8_acts(uint32_t character);

/* Any of the blanks that Unicode has. */
bool utf8_blank(uint32_t character);

/* How many characters a terminal shows, roughly: one column each. */
size_t utf8_columns(struct bytes text);

#endif
