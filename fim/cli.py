"""The command line: arguments in, exit status out; one function for each verb."""

import argparse
import contextlib
import json
import os
import signal
import sys

from fim import cli_baseline, cli_sinks, doctor
from fim.errors import ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_USAGE, FimError, UsageError
from fim.monitor import ARGUMENTS, RING_PAGES, Monitor
from fim.output import complain, environment_error, opened
from fim.sinks import FORMATS
from fim.version import VERSION

__all__ = ["main"]

PUMP_MS = 100
PRIORITY_BOOST = -4  # as auditd's: a reader that is starved loses records

EPILOG = """examples:
  fim watch /etc /usr/bin              every change below, as it happens
  fim watch --format json /etc | jq -c 'select(.kind == "event")'
  fim doctor                           what this kernel can and cannot show
  fim init /etc /usr /boot && fim check      approve what is there; compare with it

exit status:
  watch    0, or 1 for usage or environment, with one line on standard error
  doctor   0 all well, 1 degraded, 2 blind; its errors are 15 (usage) and 18
  check    0, or the sum of 1 new, 2 removed, 4 changed; its errors are 15 and 18
  init accept show   0, or 1 with one line on standard error
"""


class Parser(argparse.ArgumentParser):
    """argparse would leave with 2, which is an answer here."""

    usage_status = ACT_ERROR

    def error(self, message):
        complain("fim: %s: see %s --help" % (message, self.prog))
        self.exit(self.usage_status)


def positive(text):
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def parser():
    """The whole command line."""
    top = Parser(prog="fim", description="File integrity monitor: every change, as it happens, "
                 "with who did it.", epilog=EPILOG,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version="fim " + VERSION)
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    add_watch(verbs)
    add_doctor(verbs)
    cli_baseline.add_verbs(verbs, add_output)
    return top


def add_output(verb, formats=("text",) + FORMATS, default="text"):
    """What every verb has."""
    verb.add_argument("--format", choices=formats, default=default,
                      help="lines for people (the default), or one JSON object a line%s"
                      % (": a record, or that as an ECS or OCSF document" if "ecs" in formats
                         else ""))
    verb.add_argument("--output", metavar="FILE", help="append to FILE, not standard output")


def add_watch(verbs):
    """fim watch"""
    verb = verbs.add_parser("watch", help="live, no state kept",
                            description="Report every change at or below each PATH until "
                            "interrupted.")
    verb.add_argument("paths", nargs="+", metavar="PATH",
                      help="a tree, a file, or a name that does not exist yet")
    add_output(verb, default=None)
    cli_sinks.add_options(verb)
    verb.add_argument("--arguments", choices=ARGUMENTS, default=ARGUMENTS[0],
                      help="of processes: without what looks like a secret (the default), as "
                      "they are, or not at all")
    verb.add_argument("--ready-file", metavar="FILE",
                      help="made when every hook is attached, proven, and everything scanned")
    verb.add_argument("--ring-pages", metavar="N", type=positive, default=RING_PAGES,
                      help="pages of each CPU's ring, a power of two (%d)" % RING_PAGES)
    verb.add_argument("--map-entries", metavar="N", type=positive,
                      help="room for watched inodes at the start (twice what is there)")
    verb.add_argument("--one-file-system", action="store_true", help="enter no mount below a PATH")
    verb.add_argument("--find-links", action="store_true",
                      help="search the rest of their file systems for other names of files below")
    verb.add_argument("--exclude", metavar="PATTERN", action="append", default=[],
                      help="names not wanted, such as '*.swp'; paths where it has a slash; "
                      "may be repeated")
    verb.add_argument("--utc", action="store_true", help="text shows UTC, not local time")
    verb.set_defaults(run=watch, failed=ACT_ERROR)


def add_doctor(verbs):
    """fim doctor"""
    verb = verbs.add_parser("doctor", help="what this kernel can and cannot show, and the mend")
    verb.usage_status = ANSWER_USAGE
    add_output(verb, ("text", "json"))
    verb.add_argument("--quick", action="store_true", help="attach nothing, prove nothing")
    verb.set_defaults(run=diagnose, failed=ANSWER_ENVIRONMENT)


class Stop:
    """SIGINT and SIGTERM, remembered instead of thrown."""

    def __init__(self):
        self.reason = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note)

    def note(self, number, frame):
        """The handler."""
        del frame
        self.reason = signal.Signals(number).name


@contextlib.contextmanager
def ready_file(path):
    """Gone before, there while the monitor sees everything, gone after."""
    if path is None:
        yield lambda: None
        return
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise UsageError("fim: %s: there is no such directory" % path)
    remove(path)
    try:
        yield lambda: make(path)
    finally:
        remove(path)


def remove(path):
    """The file is not there afterwards."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise environment_error(path, error)


def make(path):
    """The file is there afterwards, with our pid in it."""
    try:
        with open(path, "w") as file:
            file.write("%d\n" % os.getpid())
    except OSError as error:
        raise environment_error(path, error)


def watch(options):
    """fim watch: until a signal; what the kernel holds then is printed."""
    stop, form = Stop(), cli_sinks.chosen_format(options)
    monitor = Monitor(*options.paths, ring_pages=options.ring_pages,
                      map_entries=options.map_entries, text=form == "text", utc=options.utc,
                      one_file_system=options.one_file_system, find_links=options.find_links,
                      exclude=options.exclude + cli_sinks.excluded(options),
                      arguments=options.arguments)
    for path in monitor.missing:
        complain("fim: %s does not exist yet: waiting for it" % path)
    with cli_sinks.outputs(options, form) as sink, ready_file(options.ready_file) as ready:
        monitor.open(sink.descriptor)
        with contextlib.suppress(OSError):
            os.nice(PRIORITY_BOOST)
        try:
            sink.write(monitor.take())
            ready()
            while stop.reason is None:
                sink.write(monitor.pump(PUMP_MS))
                sink.sinks.tell_losses(monitor.emit)
        finally:
            last = monitor.close(stop.reason or "error")
        sink.write(last)
    return 0


def diagnose(options):
    """fim doctor"""
    findings = doctor.examine(quick=options.quick)
    with opened(options.output) as sink:
        for finding in findings:
            line = (finding.text() if options.format == "text"
                    else json.dumps(finding.as_dict()))
            sink.write((line + "\n").encode("utf-8", "backslashreplace"))
    return doctor.status(findings)


def usage_status(options):
    """What a wrong command line of this verb leaves with."""
    return ANSWER_USAGE if options.failed == ANSWER_ENVIRONMENT else ACT_ERROR


def main(arguments=None):
    """Run the command line; the exit status."""
    top = parser()
    options, unknown = top.parse_known_args(arguments)
    if not options.verb:
        top.error("no verb")
    if unknown:
        complain("fim: %s: unknown argument: see fim %s --help" % (unknown[0], options.verb))
        return usage_status(options)
    try:
        return options.run(options)
    except UsageError as error:
        complain(str(error))
        return usage_status(options)
    except FimError as error:
        complain(str(error))
        return options.failed
    except KeyboardInterrupt:
        complain("fim: interrupted: nothing of it is kept")
        return options.failed
