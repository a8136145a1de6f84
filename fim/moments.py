"""Moments as people say them: 1h, yesterday, 2026-11-23 10:00."""

import datetime
import re
import time

from fim.errors import UsageError

__all__ = ["moment"]

AGO = re.compile(r"(\d+) ?(s|m|h|d|w)(?: ago)?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?"
                   r" ?(Z|[+-]\d\d:?\d\d)?")
KNOWN = range(-2208988800, 253370764800)  # seconds of 1900 to 9998: others have no text
DAYS_BACK = {"today": 0, "yesterday": 1}


def midnight(back, now):
    """The local start of the day, so many days back."""
    day = time.localtime(now)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday - back, 0, 0, 0, 0, 0, -1))


def offset(zone, moment):
    """Seconds east of UTC: as written, or as it is here at that time."""
    if zone is None:
        return moment.timestamp() - moment.replace(tzinfo=datetime.timezone.utc).timestamp()
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return -int(zone[0] + "1") * (hours * 3600 + minutes * 60)


def stamp(match):
    """Nanoseconds since 1970 of a date, with or without a time and a zone."""
    day, clock, seconds, fraction, zone = match.groups()
    moment = datetime.datetime.strptime("%s %s" % (day, clock or "00:00"), "%Y-%m-%d %H:%M")
    utc = moment.replace(tzinfo=datetime.timezone.utc).timestamp()
    whole = int(utc + int(seconds or 0) + offset(zone, moment))
    return whole * 10**9 + int((fraction or "0").ljust(9, "0"))


def moment(text, now=None):
    """Nanoseconds since 1970; UsageError for what is no moment."""
    found = ns_of(text, int(time.time() if now is None else now))
    if found is None or found // 10**9 not in KNOWN:
        raise UsageError("fim: %s: no time: such as 90m, 2d, yesterday, 2026-11-23 10:00" % text)
    return found


def ns_of(text, now):
    """The same, None for what is none."""
    if text == "now":
        return now * 10**9
    if text in DAYS_BACK:
        return int(midnight(DAYS_BACK[text], now)) * 10**9
    ago, written = AGO.fullmatch(text), STAMP.fullmatch(text)
    try:
        if ago:
            return (now - int(ago.group(1)) * SECONDS[ago.group(2)]) * 10**9
        if written:
            return stamp(written)
    except (ValueError, OverflowError):
        pass
    return None
