/* SPDX-License-Identifier: GPL-2.0-only
 *
 * calendar.h - a moment as the text of RFC 3339, in UTC.
 *
 * What gmtime_r() does beside it, a lock and the zone's rules among it, costs
 * more than all other numbers of a record.
 */
#ifndef FIM_CALENDAR_H
#define FIM_CALENDAR_H

#include <stdint.h>

/* "2026-11-23T04:05:06.123456789" */
#define CALENDAR_TEXT 29

/* `sec` since 1970, in the years 0 to 9999; `nsec` below a second. Writes
 * CALENDAR_TEXT bytes, no NUL. */
void calendar_text(int64_t sec, uint32_t nsec, char *ret);

#endif
