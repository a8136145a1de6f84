"""The verb replay."""

import contextlib
import json
import os
import sys

from fim import policy_file
from fim.cli_policy import add_policy_option
from fim.errors import ANSWER_ENVIRONMENT, ANSWER_POLICY, ANSWER_USAGE, FimError
from fim.judged import text_of
from fim.once import Once
from fim.output import complain, opened
from fim.records import streams
from fim.report import printable
from fim.stream import Stream
from fim.verify import BAD_FILE
from fim.worker import Worker

__all__ = ["add_verb"]

BLOCK = 1 << 20


def add_verb(verbs, add_output):
    """fim replay"""
    verb = verbs.add_parser("replay", help="what a policy would have said of a journal",
                            description="Exit status 1 when there are alerts. Package databases "
                            "are not asked: what they would explain now they did not then.")
    verb.usage_status = ANSWER_USAGE
    verb.add_argument("journal", metavar="JOURNAL",
                      help="a journal's directory, a stream of --format json, or - for standard "
                      "input")
    add_policy_option(verb)
    verb.set_defaults(run=replay, failed=ANSWER_ENVIRONMENT, refused=ANSWER_POLICY)
    add_output(verb)


def sources(path):
    """(name, binary file) of a journal, a stream or standard input."""
    return [("standard input", sys.stdin.buffer)] if path == "-" else streams(path)


def blocks(path):
    """Whole lines, many at once; FimError where they cannot be read."""
    name = path
    try:
        for name, file in sources(path):
            yield from whole_lines(name, file)
    except BAD_FILE as error:
        raise error if isinstance(error, FimError) else FimError(
            "fim: %s: %s" % (name, getattr(error, "strerror", None) or error))
    if name == path and os.path.isdir(path):
        raise FimError("fim: %s: there is no segment of a journal in it" % path)


def whole_lines(name, file):
    """Those of one file. A last line without its end is not whole."""
    rest = b""
    for data in iter(lambda: file.read(BLOCK), b""):
        lines, end, rest = (rest + data).rpartition(b"\n")
        check_lines(name, lines)
        yield lines + end
    if rest:
        complain("fim: %s: its last line has no end, and is left out" % name)


def check_lines(name, lines):
    """FimError: they are no records."""
    for line in lines.splitlines():
        try:
            record = json.loads(line.decode("utf-8"))
            if not isinstance(record, dict) or "kind" not in record:
                raise ValueError("no `kind`")
        except ValueError as error:
            raise FimError("fim: %s: no record: %s: %s" % (name, printable(line[:60]), error))


def unexcused(once, outcomes):
    """The same, where there is no evidence to wait for."""
    for kind, members in outcomes:
        members.pop("unless", None)
        for due in once.due(members):
            yield kind, due


def verdicts(worker, journal):
    """(kind, members) of everything that the policies say of it."""
    once = Once()
    for lines in blocks(journal):
        yield from unexcused(once, worker.judge(lines))
    yield from unexcused(once, worker.finish())
    yield from once.untold()
    if worker.outstanding():
        raise FimError("fim: %s: not judged: the process of the policies does not stay" % journal)


def replay(options):
    """fim replay"""
    files = policy_file.read(options.policies)
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(opened(options.output))
        worker = Worker(files, live=False, digests=True)
        stack.callback(worker.close)
        stream = Stream(sink.write)
        alerts = 0
        for kind, members in verdicts(worker, options.journal):
            if kind == "policy" and options.format == "text":
                continue
            alerts += kind == "alert"
            if options.format == "json":
                stream.emit(kind, members)
            else:
                sink.write((printable(text_of(kind, members)) + "\n").encode("utf-8"))
    return 1 if alerts else 0
