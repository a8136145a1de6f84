"""The command line: arguments in, exit status out; one function for each verb."""

import argparse
import contextlib
import os
import platform
import sys
import traceback

from fim import (cli_baseline, cli_doctor, cli_explain, cli_journal, cli_maintenance, cli_policy,
                 cli_replay, cli_report, cli_run, cli_sinks)
from fim.coverage import complaints
from fim.errors import (ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_USAGE, FimError, PolicyError,
                        UsageError)
from fim.judged import Judged
from fim.monitor import ARGUMENTS, RING_PAGES, Monitor
from fim.output import complain, drop, environment_error, flush
from fim.ready import ready_file
from fim.sinks import FORMATS
from fim.spots import Spots
from fim.stop import Stop
from fim.version import VERSION

__all__ = ["main"]

PUMP_MS = 100
PRIORITY_BOOST = -4  # as auditd's: a reader that is starved loses records

EPILOG = """examples:
  fim watch /etc /usr/bin              every change below, as it happens
  fim watch --format json /etc | jq -c 'select(.kind == "event")'
  fim doctor                           what this kernel can and cannot show
  fim run /etc /usr/bin && fim log --since yesterday --path /etc/passwd
  fim init /etc /usr /boot && fim check      approve what is there; compare with it

exit status:
  watch    0, or 1 for usage or environment, with one line on standard error
  doctor   0 all well, 1 degraded, 2 blind; its errors are 15 (usage) and 18
  check    0, or the sum of 1 new, 2 removed, 4 changed; its errors are 15, 17 (policy) and 18
  status   0 well, 1 degraded, 2 blind, 3 not running; its errors are 15 and 18
  verify   0, or the sum of 1 tampered, 2 incomplete; its errors are 15 and 18
  replay   0, or 1 when there are alerts; its errors are 15, 17 (policy) and 18
  run init accept show log report policy explain maintenance
           0, or 1 with one line on standard error
"""


class Parser(argparse.ArgumentParser):
    """argparse would leave with 2, which is an answer here."""

    usage_status = ACT_ERROR

    def error(self, message):
        complain("fim: %s: see %s --help" % (message, self.prog))
        self.exit(self.usage_status)

    def _print_message(self, message, file=None):
        """Help that nobody can read is no success; some versions of argparse let it pass."""
        try:
            (file or sys.stderr).write(message)
        except OSError as error:
            complain(str(environment_error("standard output", error)))
            drop(sys.stdout)
            self.exit(self.get_default("failed") or ACT_ERROR)

    def exit(self, status=0, message=None):
        """What was printed is written before."""
        try:
            flush()
        except FimError as error:
            complain(str(error))
            status = self.get_default("failed") or ACT_ERROR
        super().exit(status, message)


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
    cli_doctor.add_verb(verbs, add_output)
    cli_baseline.add_verbs(verbs, add_output)
    cli_journal.add_verbs(verbs, add_output)
    cli_explain.add_verbs(verbs, add_output)
    cli_replay.add_verb(verbs, add_output)
    cli_maintenance.add_verb(verbs, add_output)
    cli_report.add_verb(verbs)
    cli_run.add_verbs(verbs, add_output, add_watching)
    for verb in verbs.choices.values():
        verb.add_argument("-v", dest="verbose", action="store_true",
                          help="say on standard error which fim this is and what is asked of it, "
                          "and all that is known of an error that nobody foresaw")
    return top


def add_output(verb, formats=("text", "json"), default="text"):
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
    add_output(verb, ("text",) + FORMATS, None)
    verb.add_argument("paths", nargs="*", metavar="PATH",
                      help="a tree, a file, or a name that does not exist yet")
    cli_policy.add_policy_option(verb)
    cli_policy.add_actions_option(verb)
    add_watching(verb)
    verb.add_argument("--utc", action="store_true", help="text shows UTC, not local time")
    verb.set_defaults(run=watch, failed=ACT_ERROR)


def add_watching(verb):
    """How to watch, and where to: watch and run."""
    cli_sinks.add_options(verb)
    verb.add_argument("--arguments", choices=ARGUMENTS, default=ARGUMENTS[0],
                      help="of processes: without what looks like a secret (the default), as "
                      "they are, or not at all")
    verb.add_argument("--ready-file", metavar="FILE",
                      help="made when every hook is attached, proven, and everything scanned")
    verb.add_argument("--ring-pages", metavar="N", type=positive, default=RING_PAGES,
                      help="pages of each CPU's ring, a power of two (%d)" % RING_PAGES)
    verb.add_argument("--map-entries", metavar="N", type=positive,
                      help="room for watched inodes at the start (half as much again as is there, or more)")
    verb.add_argument("--one-file-system", action="store_true", help="enter no mount below a PATH")
    verb.add_argument("--find-links", action="store_true",
                      help="search the rest of their file systems for other names of files below")
    verb.add_argument("--attempts", action="store_true",
                      help="tell failed attempts, too (permission denied and the like)")
    verb.add_argument("--exclude", metavar="PATTERN", action="append", default=[],
                      help="names not wanted, such as '*.swp'; paths where it has a slash; "
                      "may be repeated")
    add_without(verb)


def add_without(verb):
    """For a kernel on which a hook does harm, and for trying what comes in its place."""
    verb.add_argument("--without", metavar="FUNCTION", action="append", default=[],
                      help="attach nothing to this kernel function; the next candidate serves")


def monitor_of(options, guard, form):
    """What is named on the command line, and what the policies declare. With policies the
    records are JSON, since they are judged; text is then what they say."""
    if not options.paths and not guard:
        raise UsageError("fim: watch: name each PATH, or -c POLICY: see fim watch --help")
    paths = options.paths + (guard.paths() if guard else [])
    return Monitor(*paths, ring_pages=options.ring_pages, map_entries=options.map_entries,
                   text=form == "text" and not guard, utc=options.utc,
                   one_file_system=options.one_file_system, find_links=options.find_links,
                   attempts=options.attempts, without=options.without,
                   exclude=options.exclude + cli_sinks.excluded(options)
                   + (guard.excludes() if guard else []), arguments=options.arguments,
                   labels=guard.labels() if guard else None,
                   spots=Spots(guard.plans) if guard else None)


def watch(options):
    """fim watch: until a signal; what the kernel holds then is printed."""
    stop, form = Stop(), cli_sinks.chosen_format(options)
    with cli_policy.guarded(options) as guard:
        monitor = monitor_of(options, guard, form)
        for path in monitor.missing + (guard.absent if guard else []):
            complain("fim: %s does not exist yet: waiting for it" % path
                     if path in monitor.missing else "fim: %s: not on this host" % path)
        with cli_sinks.outputs(options, form) as sink, ready_file(options.ready_file) as ready:
            writer = Judged(monitor, guard, sink.write, form == "text")
            monitor.open(*sink.own)
            for line in complaints(monitor.coverage):
                complain("fim: " + line)
            with contextlib.suppress(OSError):
                os.nice(PRIORITY_BOOST)
            try:
                writer.write(monitor.take())
                ready()
                while stop.reason is None:
                    writer.write(monitor.pump(PUMP_MS))
                    sink.sinks.tell_losses(monitor.emit)
            finally:
                last = monitor.close(stop.reason or "error", writer.finish)
            writer.put(last)
    return 0


def usage_status(options):
    """What a wrong command line of this verb leaves with."""
    return ANSWER_USAGE if options.failed == ANSWER_ENVIRONMENT else ACT_ERROR


def main(arguments=None):
    """Run the command line; the exit status. What nobody foresaw is an error, no answer."""
    options = argparse.Namespace(verb=None, failed=ACT_ERROR, verbose=False)
    try:
        return dispatch(arguments, options)
    except KeyboardInterrupt:
        complain("fim: interrupted: nothing of it is kept")
    except FimError as error:
        complain(str(error))
        return status_of(error, options)
    except Exception as error:
        words = [options.verb or "", type(error).__name__, str(error), "please report it"]
        complain("fim: " + ": ".join(word for word in words if word))
        for line in traceback.format_exc().splitlines() if options.verbose else ():
            complain(line)
    finally:
        drop(sys.stderr)
    return options.failed


def status_of(error, options):
    """What a verb leaves with."""
    if isinstance(error, UsageError):
        return usage_status(options)
    if isinstance(error, PolicyError):
        return getattr(options, "refused", options.failed)
    return options.failed


def take_paths(options, left):
    """What is unknown of what argparse left: a PATH behind an option is not."""
    left = [word for word in left if word != "--"]
    strange = [word for word in left if word.startswith("-")]
    if strange or not hasattr(options, "paths"):
        return strange or left
    options.paths = options.paths + left
    return []


def dispatch(arguments, options):
    """Run the verb; `options` are filled."""
    top = parser()
    _, unknown = top.parse_known_args(arguments, options)
    if not options.verb:
        top.error("no verb")
    if options.verbose:
        complain("fim %s, Python %s, Linux %s: %s" % (
            VERSION, platform.python_version(), platform.release(),
            " ".join(sys.argv[1:] if arguments is None else arguments)))
    unknown = take_paths(options, unknown)
    if unknown:
        raise UsageError("fim: %s: unknown argument: see fim %s --help" % (unknown[0], options.verb))
    return options.run(options)
