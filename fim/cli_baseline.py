"""The verbs of the baseline: init, check, accept, show."""

import contextlib
import os
import pwd
import resource

from fim import approval, baseline, cli_policy, packages, portable, report
from fim.database import open_database
from fim.errors import ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_POLICY, ANSWER_USAGE, FimError, UsageError
from fim.guard import Guard
from fim.output import complain, environment_error, opened
from fim.progress import Progress
from fim.report import printable
from fim.sinks import FORMATS
from fim.stream import Stream

__all__ = ["add_verbs"]

STATE = "/var/lib/fim"
BITS = {"new": 1, "removed": 2, "moved": 3, "changed": 4, "unreadable": 4}
UNSET = 4294967295


def add_verbs(verbs, add_output):
    """To the command line."""
    for add in (add_init, add_check, add_accept, add_show):
        verb = add(verbs)
        add_output(verb, ("text",) + FORMATS)
        verb.add_argument("--state", metavar="DIR", default=STATE,
                          help="where fim.db is (%s)" % STATE)


def rate(text):
    """Megabytes a second, as bytes."""
    number = float(text) * 1e6
    if not 1 <= number < float("inf"):
        raise ValueError(text)
    return int(number)


def add_rate(verb):
    """What verbs that read content have."""
    verb.add_argument("--max-mb-per-s", metavar="N", type=rate, default=0,
                      help="read no faster than so many megabytes a second")


def add_init(verbs):
    """fim init"""
    verb = verbs.add_parser("init", help="approve what is there now: the baseline",
                            description="Examine everything at or below each PATH and approve it.")
    verb.add_argument("paths", nargs="*", metavar="PATH", help="a tree, a file, or a name to come")
    cli_policy.add_policy_option(verb)
    verb.add_argument("--replace", action="store_true", help="also when there is a baseline")
    verb.add_argument("--hash", metavar="NAME", default="sha256",
                      help="sha256 (the default), sha512, or another that OpenSSL has")
    verb.add_argument("--exclude", metavar="PATTERN", action="append", default=[],
                      help="names not wanted, such as '*.swp'; paths where it has a slash; with "
                      "all that is below them; may be repeated")
    verb.add_argument("--growing", metavar="GLOB", action="append", default=[],
                      help="files to which adding at the end is no change, such as /var/log/*.log")
    verb.add_argument("--diff", metavar="GLOB", action="append", default=[],
                      help="small text files of which a check shows what is different in them")
    verb.add_argument("--never-show", metavar="GLOB", action="append", default=[],
                      help="files whose content is neither kept nor shown, beside those known "
                      "to hold secrets")
    verb.add_argument("--one-file-system", action="store_true", help="enter no mount below a PATH")
    verb.add_argument("--import", metavar="FILE", dest="source",
                      help="approve what `fim show --format json` wrote, not what is there")
    add_rate(verb)
    verb.set_defaults(run=initialise, failed=ACT_ERROR)
    return verb


def add_check(verbs):
    """fim check"""
    verb = verbs.add_parser("check", help="compare what is there with the baseline")
    verb.usage_status = ANSWER_USAGE
    verb.add_argument("paths", nargs="*", metavar="PATH", help="only this part of the baseline")
    cli_policy.add_policy_option(verb)
    verb.add_argument("--quick", action="store_true",
                      help="read only files that stat does not clear: not the periodic comparison")
    verb.add_argument("--no-packages", action="store_true",
                      help="do not ask dpkg or rpm about what differs")
    verb.add_argument("--utc", action="store_true", help="text shows UTC, not local time")
    add_rate(verb)
    verb.set_defaults(run=check, failed=ANSWER_ENVIRONMENT, refused=ANSWER_POLICY)
    return verb


def add_accept(verbs):
    """fim accept"""
    verb = verbs.add_parser("accept", help="approve exactly what a check showed")
    verb.add_argument("check", metavar="CHECK-ID", type=int, help="the number of the check")
    verb.add_argument("paths", nargs="*", metavar="PATH", help="only what is at or below it")
    verb.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept")
    verb.set_defaults(run=accept, failed=ACT_ERROR)
    return verb


def add_show(verbs):
    """fim show"""
    verb = verbs.add_parser("show", help="what is approved of a path; of all: the baseline")
    verb.add_argument("paths", nargs="*", metavar="PATH", help="without: everything")
    verb.set_defaults(run=show, failed=ACT_ERROR)
    return verb


@contextlib.contextmanager
def database(options, make=False):
    """The open state file."""
    opened_database = open_database(options.state, make)
    try:
        yield opened_database
    finally:
        opened_database.close()


@contextlib.contextmanager
def progress(*totals):
    """Shown while it lasts."""
    shown = Progress(*totals)
    try:
        yield shown
    finally:
        shown.end()


def raise_file_limit():
    """A walk holds a descriptor for each level."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say_notices(notices):
    """What was not looked at, where no report says it."""
    for path, number, why in notices:
        complain("fim: %s: %s" % (os.fsdecode(path), why or os.strerror(number)))


def import_file(options, state):
    """fim init --import"""
    try:
        with open(options.source, "rb") as lines:
            return portable.take(state, lines, options.source, options.replace)
    except OSError as error:
        raise environment_error(options.source, error)


def globs(patterns):
    """As paths are: bytes."""
    return [os.fsencode(pattern) for pattern in patterns]


def declared(options):
    """(paths, growing, excluded patterns) of the policies named; none where none is."""
    if not options.policies:
        return [], [], []
    guard = Guard(options.policies)
    try:
        return guard.paths(), guard.growing(), guard.excludes()
    finally:
        guard.close()


def examine(options, state):
    """fim init PATH..."""
    paths, growing, exclude = declared(options)
    scope = baseline.Scope(baseline.roots_of(options.paths + paths), options.hash,
                           globs(options.growing + growing), options.one_file_system,
                           diff=globs(options.diff), never=globs(options.never_show),
                           exclude=globs(options.exclude + exclude))
    with progress() as shown:
        seal, notices = baseline.initialise(state, scope, options.max_mb_per_s, options.replace,
                                            shown)
    say_notices(notices)
    return seal


def initialise(options):
    """fim init"""
    if bool(options.paths or options.policies) == bool(options.source):
        raise UsageError("fim: init: name each PATH to approve, or -c POLICY, or --import FILE: "
                         "see fim init --help")
    raise_file_limit()
    with database(options, make=True) as state, opened(options.output, options.format) as sink:
        seal = import_file(options, state) if options.source else examine(options, state)
        if options.format != "text":
            Stream(sink.write).emit("baseline", portable.baseline_members(state))
        else:
            sink.write(b"%d names approved; their seal is %s\n"
                       % (seal.count, seal.hexdigest().encode("ascii")))
    return 0


def add_packages(findings):
    """Say of each finding which package it is of, and what that proves."""
    places = {finding: finding.old_path if finding.state == "moved" else finding.path
              for finding in findings}
    try:
        known = packages.of_this_host() if findings else None
        states = known.proofs(sorted(set(places.values()))) if known else {}
    except FimError as error:
        complain("%s: what packages have is not said" % error)
        return
    for finding, place in places.items():
        finding.package = states.get(place)


def check(options):
    """fim check"""
    raise_file_limit()
    paths = options.paths + declared(options)[0]
    with database(options) as state, opened(options.output, options.format) as sink:
        with progress(*state.totals()) as shown:
            result = baseline.check(state, paths, options.quick, options.max_mb_per_s,
                                    shown)
        if not options.no_packages:
            add_packages(result.shown())
        if options.format != "text":
            report.write_records(result, Stream(sink.write))
        else:
            sink.write(report.render(result, options.utc))
    status = 0
    for finding in result.shown():
        status |= BITS[finding.state]
    return status


def login_name():
    """Who logged in, whatever they became since; or who this is."""
    try:
        with open("/proc/self/loginuid") as file:
            number = int(file.read())
    except (OSError, ValueError):
        number = UNSET
    number = os.getuid() if number == UNSET else number
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def accept(options):
    """fim accept"""
    with database(options) as state, opened(options.output, options.format) as sink:
        record, moved_on = approval.accept(state, options.check, options.paths, login_name(),
                                           options.reason)
        if options.format != "text" and record["paths"]:
            Stream(sink.write).emit("accept", report.accept_members(record))
        elif options.format == "text":
            sink.write(b"%d accepted; the seal is %s\n"
                       % (len(record["paths"]), record["baseline_digest"].encode("ascii")))
    if moved_on:
        raise FimError("fim: %d not accepted, as they are not any more what check %d showed: "
                       "fim check again; the first is %s"
                       % (len(moved_on), options.check, os.fsdecode(moved_on[0][0])))
    return 0


def shown_facts(state, path):
    """What is approved of one path, in lines."""
    facts = state.facts(path)
    if facts is None:
        raise UsageError("fim: %s: nothing is approved there" % os.fsdecode(path))
    values = report.facts_lines(facts)
    return ["%s:" % printable(path)] + ["  %s %-12s %s" % value for value in values]


def show(options):
    """fim show"""
    with database(options) as state, opened(options.output, options.format) as sink, state.reading():
        paths = [baseline.absolute(path) for path in options.paths]
        if options.format != "text":
            portable.give(state, Stream(sink.write), paths)
        elif paths:
            for path in paths:
                sink.write(("\n".join(shown_facts(state, path)) + "\n").encode("utf-8"))
        else:
            for path, _ in state.approved():
                sink.write((printable(path) + "\n").encode("utf-8"))
    return 0
