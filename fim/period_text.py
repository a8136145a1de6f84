"""The figures of a period for people and for other programs: text, CSV, JSON."""

import csv
import io
import json

from fim.facts import time_text
from fim.report import local_time, printable
from fim.presence import seconds_of

__all__ = ["TITLES", "as_csv", "as_json", "as_text", "cell", "headline"]

TITLES = {"unseen": "Not seen", "gaps": "Gaps", "comparisons": "Comparisons with the baseline",
          "accepted": "Accepted", "alerts": "Alerts by rule", "changes": "Changes by operation",
          "files": "Most changed", "actors": "Who changed most"}
NONE = {"unseen": "nothing was missed", "comparisons": "none was made in this time",
        "alerts": "none", "accepted": "nothing"}
TIMES = ("since", "until", "started", "ended", "time", "last")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


def cell(name, value, utc):
    """One value as a person reads it."""
    if value is None:
        return "-"
    if name in TIMES:
        seconds = seconds_of(value) if isinstance(value, str) else value
        whole, _, zone = local_time(int(seconds * 10**9), utc).rpartition(" ")
        return whole[:19] + " " + zone
    if isinstance(value, float):
        return "%.2f" % value
    return printable(str(value))


def counted(number, word):
    """1 gap, 2 gaps"""
    return "%d %s%s" % (number, word, "" if number == 1 else "s")


def headline(summary):
    """What matters, in sentences."""
    said = ["monitored %(monitored_hours).2f of %(hours).2f hours" % summary]
    if summary["unseen_periods"]:
        said.append("not seen: %.2f hours in %s" % (
            summary["unseen_hours"], counted(summary["unseen_periods"], "period")))
    if summary["gaps"]:
        said.append("%s with %s lost, %d not closed" % (
            counted(summary["gaps"], "gap"), counted(summary["records_lost"], "record"),
            summary["gaps_open"]))
    for names in (("comparisons", "differences"), ("changes", "alerts")):
        said.append(", ".join(counted(summary[name], name[:-1]) for name in names))
    return said


def columns(rows, utc):
    """Lines of a table, as wide as need be."""
    names = list(rows[0])
    table = [names] + [[cell(name, row[name], utc) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        yield "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()


def as_text(period, top, utc):
    """For a terminal."""
    summary = period.summary()
    lines = ["%s, %s to %s" % (summary["host"] or "(no records)",
                               cell("since", period.since, utc), cell("until", period.until, utc))]
    lines += ["  " + said for said in headline(summary)]
    for name, rows in period.tables(top).items():
        if rows:
            lines += ["", TITLES[name] + ":"] + list(columns(rows, utc))
        elif name in NONE:
            lines += ["", "%s: %s" % (TITLES[name], NONE[name])]
    return "\n".join(lines) + "\n"


def plain(name, value):
    """Times as records have them."""
    if name in TIMES and not isinstance(value, (str, type(None))):
        return time_text(int(value * 10**6) * 1000)
    return round(value, 4) if isinstance(value, float) else value


def as_json(period, top, utc):
    """One object."""
    del utc
    members = {"summary": {name: plain(name, value) for name, value in period.summary().items()}}
    for name, rows in period.tables(top).items():
        members[name] = [{key: plain(key, value) for key, value in row.items()} for row in rows]
    return json.dumps(members) + "\n"


def harmless(value):
    """What no spreadsheet takes for a formula."""
    text = "" if value is None else printable(str(value))
    return "'" + text if text.startswith(FORMULA) and not isinstance(value, (int, float)) else text


def as_csv(period, top, utc):
    """Every table below the other: its name in the first column, the columns' in its first row."""
    del utc
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for name, rows in [("summary", [period.summary()])] + list(period.tables(top).items()):
        for number, row in enumerate(rows):
            if not number:
                writer.writerow([name] + list(row))
            writer.writerow([name] + [harmless(plain(key, value)) for key, value in row.items()])
    return out.getvalue()
