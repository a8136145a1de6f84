"""The verbs of policies: policy, explain, replay, maintenance."""

import contextlib
import functools
import glob
import json
import os
import signal
import sys

from fim import maintenance, policy_file
from fim.child import Child
from fim.errors import (ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_POLICY, ANSWER_USAGE, FimError,
                        PolicyError, UsageError)
from fim.guard import Guard
from fim.judged import text_of
from fim.once import Once
from fim.output import complain, opened
from fim.records import streams
from fim.report import printable
from fim.rule import seconds
from fim.selection import Selection
from fim.spots import in_kernel
from fim.stream import Stream
from fim.verify import BAD_FILE
from fim.worker import Worker

__all__ = ["add_actions_option", "add_policy_option", "add_verbs", "guarded"]

STATE = "/var/lib/fim"
BLOCK = 1 << 20
# What a daemon says that begins with a policy that is refused.
LAST = "the policies that were in force last are again"
NONE = "no policy is in force, nothing is judged: the paths are watched"


def add_verbs(verbs, add_output):
    """To the command line."""
    for add in (add_policy, add_explain, add_replay, add_maintenance):
        add_output(add(verbs))


def add_policy_option(verb):
    """What verbs have that use policies."""
    verb.add_argument("-c", dest="policies", metavar="FILE", action="append", default=[],
                      help="a policy, or a directory of them (%s); may be repeated"
                      % policy_file.DEFAULT)


def add_actions_option(verb):
    """What verbs have that act."""
    verb.add_argument("--allow-action", dest="actions", metavar="ACTION", action="append",
                      default=[], help="what a rule may ask for: stop, kill, copy, notify, "
                      "run:NAME=/COMMAND; nothing else is done; may be repeated")


def usual(options, daemon):
    """The default policies, if there are any: a daemon's, whatever else it is to watch; of
    others where no path is named."""
    asked = daemon or not options.paths
    return [policy_file.DEFAULT] if asked and glob.glob(policy_file.DEFAULT + "/*.py") else []


def checked(guard):
    """The same; PolicyError: it watches nothing that is here."""
    try:
        guard.paths()
    except PolicyError:
        guard.close()
        raise
    return guard


def begun(make, options, state):
    """The policies, as `make` makes them. Where a daemon has run before it does so again: with
    those that were in force last, if these are refused, or else for the paths that are named."""
    try:
        return checked(make())
    except PolicyError as error:
        if not state or not os.path.isdir(os.path.join(state, "journal")):
            raise
        refused = error
    kept = policy_file.kept(state)
    for files in ([kept] if kept else []) + ([[]] if options.paths else []):
        with contextlib.suppress(PolicyError):
            guard = checked(make(instead=(str(refused).replace("fim: ", "", 1), files)))
            complain("%s: %s" % (refused, LAST if files else NONE))
            return guard
    raise refused


@contextlib.contextmanager
def guarded(options, state=None):
    """The policies at work, or None: those named, or the default ones. `state`: a daemon's."""
    places = options.policies or usual(options, state is not None)
    make = functools.partial(Guard, places, state, allowing=options.actions,
                             digests=bool(getattr(options, "content_mib", 0)))  # fim run's
    guard = begun(make, options, state) if places else None
    try:
        if guard:
            signal.signal(signal.SIGHUP, guard.want)
        yield guard
    finally:
        if guard:
            guard.close()


def add_policy(verbs):
    """fim policy"""
    verb = verbs.add_parser("policy", help="validate a policy, and say what reaches the kernel",
                            description="Needs no root. A policy that is refused is named with "
                            "file and line.")
    verb.add_argument("policies", nargs="*", metavar="FILE", help="a file, or a directory of them")
    verb.set_defaults(run=show_policy, failed=ACT_ERROR)
    return verb


def add_explain(verbs):
    """fim explain"""
    verb = verbs.add_parser("explain", help="which rules and which kernel filter a path meets")
    verb.add_argument("path", nargs="?", metavar="PATH")
    verb.add_argument("--rule", metavar="NAME", help="what this rule is asked about")
    add_policy_option(verb)
    verb.set_defaults(run=explain, failed=ACT_ERROR)
    return verb


def add_replay(verbs):
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
    return verb


def add_maintenance(verbs):
    """fim maintenance"""
    verb = verbs.add_parser("maintenance", help="a time in which alerts are expected",
                            description="Alerts are written, marked as held, and listed at the "
                            "end.")
    verb.add_argument("what", choices=("begin", "end", "status"))
    verb.add_argument("--for", dest="span", metavar="TIME", help="such as 30m or 2h")
    verb.add_argument("--reason", metavar="TEXT", help="why; it is journaled")
    verb.add_argument("--state", metavar="DIR", default=STATE, help="the daemon's (%s)" % STATE)
    verb.set_defaults(run=maintain, failed=ACT_ERROR)
    return verb


def plans_of(places):
    """What policies declare, asked of a sandbox."""
    child = Child(policy_file.read(places))
    try:
        return child.load()
    finally:
        child.kill()


# --- policy ---

def selected(selections):
    """In words."""
    return " ".join(selection["path"] for selection in selections)


def watch_line(watch):
    """One watch, in words."""
    words = [watch["path"], "operations: " + ",".join(watch["ops"] or ["all"])]
    if watch["exclude"]:
        words.append("not " + " ".join(watch["exclude"]))
    words += ["content by %s in fim run, not in fim watch" % watch["content"]] if (
        watch["content"]) else []
    words += ["growing"] if watch["growing"] else []
    return "  watch     " + "; ".join(words)


def rule_line(rule):
    """One rule, in words."""
    once = " once per %g s" % rule["once_per"] if rule["once_per"] else ""
    acts = "; asks for " + ",".join(rule["actions"]) if rule["actions"] else ""
    return "  rule      %s (%s, line %s): %s of %s%s%s\n            %s %s" % (
        rule["name"], rule["severity"], rule["line"], ",".join(rule["on"]),
        selected(rule["selections"]), once, acts, rule["text"], " ".join(rule["tags"]))


def quiet_line(quiet):
    """One exception, in words."""
    return "  quiet     %s of %s, when %s" % (
        ",".join(quiet["on"]), selected(quiet["selections"]),
        "%s says so (evidence: %s)" % (quiet["when"], quiet["evidence"]) if quiet["evidence"]
        else quiet["when"])


def withheld_line(item):
    """One chosen blind spot, in words."""
    kernel = in_kernel(item)
    rest = sorted(set(item["ops"]) - set(kernel))
    return "  withheld  %s: %s" % (item["reason"], "; ".join(
        "%s %s" % (how, ",".join(ops)) for how, ops in (
            ("a chosen blind spot of the kernel for", kernel), ("told, and not judged, for", rest))
        if ops))


def plan_text(plan):
    """A policy in words: first what reaches the kernel."""
    lines = ["policy %s" % plan["name"]]
    for key, line in (("watches", watch_line), ("withheld", withheld_line), ("quiets", quiet_line),
                      ("rules", rule_line)):
        lines += [line(item) for item in plan[key]]
    return lines


def write_lines(options, lines):
    """Text out."""
    with opened(options.output) as sink:
        for line in lines:
            for part in line.split("\n"):
                sink.write((printable(part) + "\n").encode("utf-8"))


def show_policy(options):
    """fim policy"""
    plans = plans_of(options.policies)
    if options.format == "json":
        write_lines(options, [json.dumps(plan) for plan in plans])
    else:
        write_lines(options, [line for plan in plans for line in plan_text(plan)])
    return 0


# --- explain ---

def takes(item, path):
    """Whether a rule or an exception of a plan is about a path."""
    return any(Selection(**data).takes(path) for data in item["selections"])


def why_watched(plan, path):
    """How the kernel filter comes to know a path."""
    for watch in plan["watches"]:
        inside = Selection(watch["path"])
        if not inside.takes(path):
            continue
        excluded = not Selection(watch["path"], exclude=watch["exclude"]).takes(path)
        yield "  excluded in %s by one of: %s" % (watch["path"], " ".join(watch["exclude"])) if (
            excluded) else watch_line(watch)


def explain_path(plan, path):
    """Everything that a path meets."""
    lines = list(why_watched(plan, path)) or ["  not watched: no watch is at or above it"]
    lines += [withheld_line(item) for item in plan["withheld"] if takes(item, path)]
    lines += [quiet_line(quiet) for quiet in plan["quiets"] if takes(quiet, path)]
    lines += [rule_line(rule) for rule in plan["rules"] if takes(rule, path)] or ["  no rule is asked about it"]
    return ["policy %s, %s" % (plan["name"], path)] + lines


def explain_rule(plan, name):
    """What a rule is asked about, and what keeps it from it."""
    lines = []
    for rule in plan["rules"]:
        if rule["name"] != name:
            continue
        lines += ["policy %s" % plan["name"], rule_line(rule)]
        for selection in rule["selections"]:
            lines += list(why_watched(plan, selection["path"]))
            lines += [line(item) for key, line in (("withheld", withheld_line),
                                                   ("quiets", quiet_line))
                      for item in plan[key] if takes(item, selection["path"])]
    return list(dict.fromkeys(lines))


def met(plan, path):
    """The same as data."""
    found = {"policy": plan["name"], "path": path, "watches": [
        dict(watch, excluded=not Selection(watch["path"], exclude=watch["exclude"]).takes(path))
        for watch in plan["watches"] if Selection(watch["path"]).takes(path)]}
    found.update((key, [item for item in plan[key] if takes(item, path)])
                 for key in ("withheld", "quiets", "rules"))
    return found


def data(options, plans):
    """fim explain --format json: of each policy what the path, or the paths of the rule, meet."""
    if options.path:
        return [json.dumps(met(plan, os.path.abspath(options.path))) for plan in plans]
    return [json.dumps({"policy": plan["name"], "rule": rule, "paths": [
        met(plan, selection["path"]) for selection in rule["selections"]]})
            for plan in plans for rule in plan["rules"] if rule["name"] == options.rule]


def explain(options):
    """fim explain"""
    if bool(options.path) == bool(options.rule):
        raise UsageError("fim: explain: name a PATH or a --rule: see fim explain --help")
    plans = plans_of(options.policies)
    if options.path:
        path = os.path.abspath(options.path)
        lines = [line for plan in plans for line in explain_path(plan, path)]
    else:
        lines = [line for plan in plans for line in explain_rule(plan, options.rule)]
        if not lines:
            raise UsageError("fim: %s: no such rule: fim policy lists them" % options.rule)
    write_lines(options, data(options, plans) if options.format == "json" else lines)
    return 0


# --- replay ---

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


# --- maintenance ---

def maintain(options):
    """fim maintenance"""
    if options.what == "begin":
        if not options.span or not options.reason:
            raise UsageError("fim: maintenance begin: --for TIME and --reason TEXT are needed")
        try:
            span = seconds(options.span)
        except ValueError as error:
            raise UsageError("fim: --for %s" % error)
        maintenance.begin(options.state, span, options.reason)
    elif options.what == "end":
        maintenance.end(options.state)
    now = maintenance.current(options.state)
    if options.format == "json":
        write_lines(options, [json.dumps(dict(now or {}, active=bool(now)))])
        return 0
    write_lines(options, ["maintenance until %s, by %s: %s"
                          % (now["until"], now["by"], now["reason"]) if now
                          else "no maintenance"])
    return 0
