/* SPDX-License-Identifier: GPL-2.0-only */
#include "calendar.h"

#define DAY 86400

/* Days are counted from 1 March of the year 0, so that the day of a leap year
 * is the last: months then begin on days of (153 m + 2) / 5. */
#define DAYS_TO_1970 719468
#define DAYS_OF_400_YEARS 146097
#define DAYS_OF_100_YEARS 36524
#define DAYS_OF_4_YEARS 1461

static void put_digits(uint32_t value, unsigned width, char *ret)
{
	while (width) {
		ret[--width] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* "2026-11-23T" */
static void put_date(uint32_t days, char *ret)
{
	uint32_t era = days / DAYS_OF_400_YEARS, day = days % DAYS_OF_400_YEARS;
	uint32_t year = (day - day / (DAYS_OF_4_YEARS - 1) + day / DAYS_OF_100_YEARS -
			 day / (DAYS_OF_400_YEARS - 1)) / 365;
	uint32_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	put_digits(era * 400 + year + (month >= 10) - 400, 4, ret);
	put_digits(month < 10 ? month + 3 : month - 9, 2, ret + 5);
	put_digits(day - (153 * month + 2) / 5 + 1, 2, ret + 8);
	ret[4] = ret[7] = '-';
	ret[10] = 'T';
}

/* "04:05:06." */
static void put_time(uint32_t sec, char *ret)
{
	put_digits(sec / 3600, 2, ret);
	put_digits(sec / 60 % 60, 2, ret + 3);
	put_digits(sec % 60, 2, ret + 6);
	ret[2] = ret[5] = ':';
	ret[8] = '.';
}

void calendar_text(int64_t sec, uint32_t nsec, char *ret)
{
	/* 1 January of the year 0 lies before the first March: an era more. */
	uint64_t all = (uint64_t)(sec + ((int64_t)DAYS_TO_1970 + DAYS_OF_400_YEARS) * DAY);
	uint32_t days = (uint32_t)(all / DAY);

	put_date(days, ret);
	put_time((uint32_t)(all % DAY), ret + 11);
	put_digits(nsec, 9, ret + 20);
}
