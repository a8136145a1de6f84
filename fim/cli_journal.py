"""The verbs of the journal: verify, log."""

import contextlib
import json
import os

from fim.errors import ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_USAGE, FimError, UsageError
from fim.facts import name_text, time_text
from fim.moments import moment
from fim.output import complain, environment_error, opened
from fim.record_text import record_text
from fim.search import NO_RECORD, Query, search
from fim.segments import Segments
from fim.verify import KINDS, Verifier, anchors

__all__ = ["add_verbs"]

STATE = "/var/lib/fim"
TAMPERED, INCOMPLETE = 1, 2
NOT_PRINTED = 100  # findings beyond these are counted


def add_verbs(verbs, add_output):
    """To the command line."""
    for add in (add_verify, add_log):
        verb = add(verbs)
        add_output(verb)
        verb.add_argument("--state", metavar="DIR", default=STATE,
                          help="where journal/ is (%s)" % STATE)


def add_verify(verbs):
    """fim verify"""
    verb = verbs.add_parser("verify", help="is the journal what was written")
    verb.usage_status = ANSWER_USAGE
    verb.add_argument("--anchors", metavar="FILE",
                      help="what a collector kept: JSON lines, heartbeats among them")
    verb.add_argument("--secret", metavar="FILE", help="the fleet's secret: check the seals")
    verb.set_defaults(run=verify, failed=ANSWER_ENVIRONMENT)
    return verb


def add_log(verbs):
    """fim log"""
    verb = verbs.add_parser("log", help="search the journal", description="Records of the "
                            "journal for which every option fits; of one that is repeated, "
                            "one of its values.")
    verb.add_argument("--since", metavar="TIME", help="90m, 2d, yesterday, 2026-11-23 10:00")
    verb.add_argument("--until", metavar="TIME")
    verb.add_argument("--path", metavar="PATH", action="append", type=whole_path,
                      help="this, and what is below it; or a shell pattern")
    verb.add_argument("--op", action="append", metavar="OP", help="create, modify, rename, ...")
    verb.add_argument("--exe", action="append", help="a program: its path, name or pattern")
    verb.add_argument("--user", action="append", help="a name or number; also who logged in")
    verb.add_argument("--kind", action="append", help="event, gap, start, error, ...")
    verb.add_argument("--utc", action="store_true", help="text shows UTC, not local time")
    verb.set_defaults(run=log, failed=ACT_ERROR)
    return verb


def whole_path(path):
    """As records have it; a pattern stays."""
    whole = path if path.startswith(("/", "*")) else os.path.abspath(path)
    return name_text(os.fsencode(whole))


@contextlib.contextmanager
def journal(state):
    """The segments in a state directory."""
    path = os.path.join(state, "journal")
    try:
        segments = Segments(path)
    except FileNotFoundError:
        raise FimError("fim: %s: there is no journal: fim run writes it" % path)
    except OSError as error:
        raise environment_error(path, error)
    try:
        yield segments
    finally:
        segments.close()


def kept_anchors(path):
    """What a collector's file has of heads."""
    if path is None:
        return []
    try:
        with open(path, encoding="utf-8") as lines:
            found = list(anchors(lines))
    except OSError as error:
        raise environment_error(path, error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FimError("fim: %s: no records of fim: %s" % (path, error))
    if not found:
        raise FimError("fim: %s: no heartbeat with a head in it: nothing to compare with" % path)
    return found


def secret(path):
    """The bytes of the file, without the end of the line."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read().rstrip(b"\n")
    except OSError as error:
        raise environment_error(path, error)


def summary(verifier, bits):
    """The last line for people."""
    words = {0: "whole", TAMPERED: "tampered", INCOMPLETE: "incomplete"}
    gone = verifier.expired["records"]
    return "%s: %d lines in %d links%s; it ends with link %s %s" % (
        words.get(bits, "tampered, and incomplete"), verifier.records, verifier.links,
        ", %d more let go before" % gone if gone else "",
        verifier.head.link if verifier.head else "-", verifier.head.hash if verifier.head else "-")


def verify(options):
    """fim verify"""
    kept, key = kept_anchors(options.anchors), secret(options.secret)
    bits = shown = 0
    with journal(options.state) as segments, opened(options.output) as sink:
        verifier = Verifier(segments, kept, key)
        for finding in verifier.run():
            bits |= TAMPERED if KINDS[finding.kind][0] else INCOMPLETE
            shown += 1
            if options.format == "json":
                sink.write(json.dumps(finding._asdict()).encode("ascii") + b"\n")
            elif shown <= NOT_PRINTED:
                sink.write(("%-12s %s\n" % (finding.kind, finding.message)).encode("utf-8"))
        if options.format == "text":
            if shown > NOT_PRINTED:
                sink.write(b"... and %d more\n" % (shown - NOT_PRINTED))
            sink.write(summary(verifier, bits).encode("ascii") + b"\n")
    return bits


def time_of(text):
    """As records have it, of what was said on the command line."""
    return time_text(moment(text)) if text else None


def log(options):
    """fim log"""
    asked = {name: getattr(options, name) for name in ("path", "op", "exe", "user", "kind")}
    query = Query(asked, time_of(options.since), time_of(options.until))
    if query.since >= query.until:
        raise UsageError("fim: --since %s is not before --until %s" % (options.since, options.until))
    with journal(options.state) as segments, opened(options.output) as sink:
        for line, record in search(segments, query, lambda why: complain("fim: " + why)):
            with contextlib.suppress(*NO_RECORD):
                sink.write(line if options.format == "json" else
                           (record_text(record, options.utc) + "\n").encode("utf-8"))
    return 0
