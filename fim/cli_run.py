"""The verbs of the daemon: run, status."""

import contextlib
import json
import os
import time

from fim import cli_policy, cli_sinks, host, status
from fim.comparison import Comparison
from fim.content import Contents
from fim.cost import HOW
from fim.daemon import Daemon, now_text
from fim.database import Approved
from fim.errors import ACT_ERROR, ANSWER_ENVIRONMENT, ANSWER_USAGE, FimError, UsageError
from fim.journal import Journal, Limits
from fim.monitor import Monitor
from fim.observed import Observed
from fim.output import complain, environment_error, opened, shown
from fim.ready import ready_file
from fim.seal import Keys
from fim.segments import Segments
from fim.service import Service
from fim.spots import Spots
from fim.spool import Spool
from fim.stop import Stop

__all__ = ["add_verbs"]

STATE = "/var/lib/fim"
PRIORITY_BOOST = -4  # as auditd's: a reader that is starved loses records
MIB = 1 << 20
WORDS = {status.WELL: "well", status.DEGRADED: "degraded", status.BLIND: "blind",
         status.NOT_RUNNING: "not running"}
SHOWN = ("pid", "events_per_second", "journal_waiting_bytes", "contents_waiting", "user_seconds",
         "memory_kib")
COUNTED = ("events", "inodes", "gaps", "lost", "withheld", "self", "late")


def add_verbs(verbs, add_output, add_watching):
    """To the command line."""
    verb = verbs.add_parser("run", help="the daemon: watch, and keep a journal",
                            description="Watch every change at or below each PATH, and keep a "
                            "journal in DIR, until stopped.")
    verb.add_argument("paths", nargs="*", metavar="PATH",
                      help="a tree, a file, or a name that does not exist yet")
    cli_policy.add_policy_option(verb)
    cli_policy.add_actions_option(verb)
    cli_sinks.add_output_sink(verb)
    add_watching(verb)
    add_journal(verb)
    verb.set_defaults(run=run, failed=ACT_ERROR)
    verb = verbs.add_parser("status", help="how fim run does")
    verb.usage_status = ANSWER_USAGE
    add_output(verb)
    verb.set_defaults(run=tell, failed=ANSWER_ENVIRONMENT)
    for verb in (verbs.choices["run"], verb):
        verb.add_argument("--state", metavar="DIR", default=STATE,
                          help="where the journal is (%s)" % STATE)


def number(text):
    """A float, neither below 0 nor without end."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def add_journal(verb):
    """What the journal keeps, and how often it is written of."""
    verb.add_argument("--heartbeat", metavar="SECONDS", type=number, default=60,
                      help="a record of it so often (60)")
    verb.add_argument("--retry", metavar="SECONDS", type=number, default=60,
                      help="while blind, try so often (60)")
    verb.add_argument("--check-hours", metavar="N", type=number, default=24,
                      help="compare with the baseline so often (24; 0: only what changed while "
                      "it was not running)")
    verb.add_argument("--content-mib", metavar="N", type=number, default=256,
                      help="the digest of what was changed, of files up to this size (256; 0: of "
                      "none)")
    verb.add_argument("--no-join", dest="join", action="store_false",
                      help="tell every modification and close, also those that one process "
                      "repeats on one file within 400 ms")
    verb.add_argument("--rate", metavar="N", type=int, default=0,
                      help="tell so many records a second of one process, count the rest (0: all)")
    verb.add_argument("--segment-mib", metavar="N", type=number, default=64)
    verb.add_argument("--keep-mib", metavar="N", type=number, default=1024,
                      help="of the journal, compressed (1024)")
    verb.add_argument("--keep-days", metavar="N", type=number, default=90)
    verb.add_argument("--keep-free", metavar="PERCENT", type=number, default=5,
                      help="of the file system, as far as a quarter of --keep-mib allows (5)")
    verb.add_argument("--seal", action="store_true",
                      help="with the key in DIR/seal.key (fim/seal.py)")


def limits(options):
    """As the journal wants them."""
    return Limits(int(options.segment_mib * MIB), 86400, int(options.keep_mib * MIB),
                  options.keep_days * 86400, options.keep_free / 100)


@contextlib.contextmanager
def state_directory(path):
    """A descriptor of it, made if need be; ours alone."""
    segments = None
    try:
        segments = Segments(path, make=True)
        lock = status.lock(path)
    except OSError as error:
        raise environment_error(path, error)
    if lock is None:
        raise FimError("fim: %s: another fim run uses it: name another --state" % path)
    try:
        yield segments.directory
    finally:
        segments.close()
        os.close(lock)


def journal_of(options):
    """Makes the journal."""
    machine_id = json.loads(host.describe())["machine_id"]
    keys = Keys(options.state) if options.seal else None
    path = os.path.join(options.state, "journal")
    return lambda: Journal(Segments(path, make=True), machine_id, limits(options), keys)


def monitor_of(options, guard):
    """Makes a monitor of what is asked for, by name or policy, and of the state directory itself."""
    def make(reason=None):
        paths = options.paths + (guard.paths() if guard else []) + [options.state]
        monitor = Monitor(*paths, ring_pages=options.ring_pages,
                          map_entries=options.map_entries,
                          exclude=options.exclude + cli_sinks.excluded(options)
                          + (guard.excludes() if guard else []),
                          labels=guard.labels() if guard else None,
                          spots=Spots(guard.plans) if guard else None,
                          one_file_system=options.one_file_system, find_links=options.find_links,
                          attempts=options.attempts, without=options.without,
                          arguments=options.arguments, reason=reason)
        monitor.session.limit(options.join, options.rate)
        return monitor
    return make


def contents_of(options):
    """Reads what was changed; None where nobody wants it."""
    if not options.content_mib:
        return None
    contents = Contents(Approved(options.state).of, now_text,
                        largest=int(options.content_mib * MIB))
    contents.start()
    return contents


def run(options):
    """fim run: until a signal."""
    stop = Stop()
    options.state = os.path.abspath(options.state)
    cli_sinks.output_as_sink(options)
    with state_directory(options.state) as state, ready_file(options.ready_file) as ready, \
            cli_sinks.opened_sinks(options) as sinks, \
            cli_policy.guarded(options, options.state) as guard:
        if not options.paths and not guard:
            raise UsageError("fim: run: name each PATH, or -c POLICY: see fim run --help")
        make = monitor_of(options, guard)
        for path in make().missing:
            complain("fim: %s does not exist yet: waiting for it" % path)
        spool = Spool(journal_of(options))
        spool.start()
        with contextlib.suppress(OSError):
            os.nice(PRIORITY_BOOST)
        comparison = Comparison(options.state, options.check_hours * 3600)
        observed = Observed(state, spool.asides, now_text, spool.head, spool.behind)
        Daemon(make, (state,) + sinks.own(), spool, status.Status(state), observed, comparison, Service(), stop,
               ready, options.heartbeat, options.retry, (sinks,), contents_of(options),
               guard).run()
    return 0


def seen(coverage):
    """(operations that are seen everywhere, all)"""
    whole = [row for row in coverage.values()
             if not any(cell["state"] in status.NOT_WHOLE for cell in row.values())]
    return len(whole), len(coverage)


def lines(members, verdict, complaints):
    """What a person reads."""
    yield WORDS[verdict]
    for text in complaints:
        if text != WORDS[verdict]:
            yield "  " + text
    if members.get("coverage"):
        yield "%-22s %d of %d" % ("operations seen", *seen(members["coverage"]))
    for name in SHOWN:
        if members.get(name) is not None:
            yield "%-22s %s" % (name, members[name])
    if "kernel_seconds" in members:
        known = members["kernel_seconds"]
        yield "%-22s %s" % ("kernel_seconds", HOW if known is None else known)
    for name in COUNTED:
        if name in members.get("counts", ()):
            yield "%-22s %d" % (name, members["counts"][name])
    for reason, count in sorted(members.get("blind_spots", {}).items()):
        yield "%-22s %d: %s" % ("left out in the kernel", count, reason)
    for sink in members.get("sinks", ()):
        yield ("%-22s %s, %s: %d of %d sent, %d proven, %d dropped, %d bytes wait, %d echoes"
               % ("sink", sink["sink"], sink["state"], sink["sent"], sink["number"],
                  sink["proven"], sink["dropped"], sink["spool_bytes"], sink.get("echoes", 0)))
    if members.get("journal"):
        yield "%-22s %d, segment %d" % ("link", members["journal"]["link"],
                                        members["journal"]["segment"])


def tell(options):
    """fim status"""
    members, running = status.read(options.state)
    verdict, complaints = status.judge(members, running, time.time())
    with opened(options.output) as sink:
        if options.format == "json":
            said = dict(members, state=WORDS[verdict], complaints=complaints)
            sink.write((json.dumps(said) + "\n").encode("ascii"))
        else:
            for line in lines(members, verdict, complaints):
                sink.write((shown(line) + "\n").encode("utf-8"))
    return verdict
