"""The verb that sums up: report."""

import contextlib
import json
import os
import time

from fim import cli_journal
from fim.database import open_database
from fim.errors import ACT_ERROR, UsageError
from fim.facts import time_text
from fim.moments import moment
from fim.output import complain, opened
from fim.period import Period
from fim.period_page import as_html
from fim.period_text import as_csv, as_json, as_text
from fim.verify import BAD_FILE, batches

__all__ = ["add_verb"]

FORMATS = {"text": as_text, "json": as_json, "csv": as_csv, "html": as_html}
EVENT = b'{"v":1,"kind":"event"'  # of these only those of the time are of interest


def add_verb(verbs):
    """To the command line."""
    verb = verbs.add_parser("report", help="what was seen, what not, and what changed",
                            description="Sum up the journal and the comparisons of a time: hours "
                            "monitored, blind and gap periods, comparisons, what was accepted, "
                            "alerts by rule, changes, files, actors.")
    verb.add_argument("--since", metavar="TIME", default="7d",
                      help="90m, 2d, yesterday, 2026-11-23 10:00 (7d)")
    verb.add_argument("--until", metavar="TIME", default="now")
    verb.add_argument("--top", metavar="N", type=int, default=20,
                      help="so many files and actors (20)")
    verb.add_argument("--format", choices=tuple(FORMATS), default="text",
                      help="for people (the default), one JSON object, tables for a spreadsheet, "
                      "or a page that needs nothing else")
    verb.add_argument("--output", metavar="FILE", help="write FILE, not standard output")
    verb.add_argument("--utc", action="store_true", help="text and pages show UTC, not local time")
    verb.add_argument("--state", metavar="DIR", default=cli_journal.STATE,
                      help="where journal/ and fim.db are (%s)" % cli_journal.STATE)
    verb.set_defaults(run=report, failed=ACT_ERROR)


def approvals(state):
    """(records of acceptances, of checks) in the state file, if there is one."""
    if not os.path.exists(os.path.join(state, "fim.db")):
        return [], []
    database = open_database(state)
    try:
        return database.accepts(), database.checks()
    finally:
        database.close()


def lines_of(segments):
    """Every line but the chain's, oldest first."""
    for number in segments.numbers():
        try:
            with segments.reader(number) as file:
                for lines, _ in batches(file):
                    for line in lines.splitlines():
                        yield line
        except BAD_FILE as error:
            complain("fim: %s: %s: see fim verify" % (segments.name(number), error))


def fill(period, segments):
    """With everything that is in the journal; a line that is no record is verify's matter."""
    since, until = (time_text(int(at * 10**6) * 1000).encode("ascii")
                    for at in (period.since, period.until))
    for line in lines_of(segments):
        if line.startswith(EVENT):
            at = line.find(b'"time":"') + 8
            if not since <= line[at:at + len(since)] < until:
                continue
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            period.take(json.loads(line.decode("utf-8")))


def report(options):
    """fim report"""
    since, until = (moment(text) / 1e9 for text in (options.since, options.until))
    if since >= until:
        raise UsageError("fim: --since %s is not before --until %s" % (options.since, options.until))
    period = Period(since, min(until, time.time()), *approvals(options.state))
    with cli_journal.journal(options.state) as segments:
        fill(period, segments)
    with opened(options.output, replace=True) as sink:
        text = FORMATS[options.format](period, options.top, options.utc)
        sink.write(text.encode("utf-8", "backslashreplace"))
    return 0
