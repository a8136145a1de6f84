# SPDX-License-Identifier: GPL-2.0-only
"""The daemon's turns, with a monitor that only says what it is told to: no kernel."""
import json
import time

import pytest

import journals
from fim.daemon import WAS_STOPPED, Daemon, Dark
from fim.journal import Journal, Limits
from fim.observed import Since
from fim.segments import Segments
from fim.spool import Spool
from fim.verify import Verifier, anchors

PATIENCE = 30.0
WELL = {"chmod": {"ext4": {"state": "covered", "hook": "h", "why": None}}}


class Anything:
    """Whatever is asked of it does nothing."""

    def __getattr__(self, name):
        return lambda *arguments, **more: None


class Monitor(Anything):
    """Sees everything at once; pump() is each of `acts`, with what it returns, then the end."""

    def __init__(self, daemon, coverage=WELL, acts=()):
        self.session, self.ready, self.roots, self.blind = Anything(), True, [], None
        self.coverage, self.acts, self.daemon = coverage, list(acts), daemon
        self.emitted, self.last, self.closed = [], b"", lambda: None

    def counts(self):
        return {}

    def take(self):
        return b""

    def pump(self, milliseconds):
        if self.acts:
            return self.acts.pop(0)()
        self.daemon.stop.reason = "SIGTERM"
        return b""

    def emit(self, kind, members, message):
        self.emitted.append((kind, members))

    def close(self, reason, judge, put):
        put(self.last)
        self.there = self.closed()
        return b""

    def of(self, kind):
        return [members for name, members in self.emitted if name == kind]


class Stop:
    reason = None


class Service(Anything):
    patience = None


class Comparison(Anything):
    failing = None

    def turn(self, put):
        return None


class Observed(Anything):
    """Nothing is known."""

    failing, harmed = None, ()


@pytest.fixture
def spool(tmp_path):
    """A journal that is written by its thread."""
    path = str(tmp_path / "journal")
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE,
                                  Limits(segment_bytes=4096)))
    spool.start()
    yield spool
    spool.close(PATIENCE)


@pytest.fixture
def daemon(spool):
    return Daemon(None, (), spool, Anything(), Observed(), Comparison(), Service(), Stop(),
                  lambda: None, heartbeat=3600, retry=0)


def seeing(daemon, coverage=WELL, acts=()):
    """Start, see for some turns, stop: the monitor, which has what it told."""
    monitor = Monitor(daemon, coverage, acts)
    daemon.make = lambda reason: monitor
    daemon.stop.reason = None
    daemon.see()
    return monitor


LACKING = {"chmod": {"ext4": {"state": "not_seen", "hook": None, "why": "silent"},
                     "xfs": {"state": "covered", "hook": "h", "why": None}},
           "chown": {"ext4": {"state": "not_seen", "hook": None, "why": "silent"}},
           "write": {"overlay": {"state": "degraded", "hook": "h", "why": "no copies"}}}


def test_what_is_not_seen_is_said_once(daemon, capsys):
    """By each start that sees otherwise than the one before."""
    for _ in range(2):
        seeing(daemon, LACKING)
    said = capsys.readouterr().err.splitlines()
    assert said == ["fim: not seen on ext4: chmod, chown: silent",
                    "fim: degraded on overlay: write: no copies"]
    seeing(daemon, WELL)
    seeing(daemon, LACKING)
    assert capsys.readouterr().err.splitlines() == said


def until_segment(spool, number):
    """Wait for the journal's thread."""
    end = time.monotonic() + PATIENCE
    while spool.journal is None or spool.journal.number < number:
        assert time.monotonic() < end
        time.sleep(0.02)
    return b""


def test_the_stop_is_in_the_journal_while_scratch_is_removed(daemon, spool):
    """A frozen disk lets that wait, and the service manager kills who does not end."""
    last = journals.records(1, 1)

    def closed():
        end = time.monotonic() + PATIENCE
        while spool.waiting or not spool.journal or not spool.journal.head.seq:
            assert time.monotonic() < end
            time.sleep(0.02)
        return True
    monitor = Monitor(daemon)
    monitor.last, monitor.closed = last, closed
    daemon.make = lambda reason: monitor
    daemon.stop.reason = None
    daemon.see()
    assert monitor.there


def test_a_new_segment_is_told_of_at_once(daemon, spool):
    """By where the one before has ended, long before the next heartbeat is due."""
    first, second = journals.records(1, 20), journals.records(21, 3)
    monitor = seeing(daemon, acts=(
        lambda: until_segment(spool, 1), lambda: b"", lambda: first,
        lambda: until_segment(spool, 2), lambda: b"", lambda: second, lambda: b"", lambda: b""))
    beats = [members["head"] for members in monitor.of("heartbeat")]
    assert [head["segment"] for head in beats if head] == [1, 2]
    last = beats[-1]
    assert (last["stream"], last["seq"], last["journal"]) == (journals.STREAM, 20, spool.journal.id)
    assert spool.close(PATIENCE)
    kept = [json.dumps({"kind": "heartbeat", "host": {"machine_id": journals.MACHINE},
                        "head": head}) for head in beats if head]
    assert list(Verifier(spool.journal.segments, anchors(kept)).run()) == []


def test_what_cannot_be_read_keeps_nothing_from_being_compared(daemon, spool):
    """The journal's harm is said behind the comparison; the time that is compared is that of the
    record before it."""
    done, monitor = [], recalling(daemon, lambda: Since("then", 7))
    until_segment(spool, 1)
    monitor.session.compare = lambda clock: done.append((clock, [kind for kind, _ in monitor.emitted]))
    daemon.observed.harmed = ["segment 1: cut", "segment 1: cut"]
    daemon.recall(monitor)
    assert done == [(7, ["blind"])]
    error, = monitor.of("error")
    assert error["message"].endswith(": segment 1: cut") and "journal" in error["where"]


def recalling(daemon, recall):
    """A monitor that starts after a stop, and what was known is what `recall` gives."""
    monitor = Monitor(daemon)
    monitor.gathered = []
    monitor.gather = monitor.gathered.append

    def breathing(session, journal, breathe):
        breathe()
        return recall()
    daemon.observed.recall = breathing
    daemon.dark, daemon.monitor = Dark("then", WAS_STOPPED, ""), monitor
    daemon.returns = True
    return monitor


@pytest.mark.parametrize("failure, where", (
    (MemoryError, "recall"), (RecursionError, "recall"), (OSError, "recall"),
    (MemoryError, "compare")))
def test_what_is_too_much_ends_nothing(daemon, failure, where):
    """Nor what cannot be read; the rings are read meanwhile."""
    def fail(*clock):
        raise failure
    monitor = recalling(daemon, fail if where == "recall" else lambda: Since("then", 7))
    monitor.session.compare = fail
    daemon.recall(monitor)
    assert [kind for kind, _ in monitor.emitted] == ["blind", "error"] and monitor.gathered == [0]
    assert monitor.of("error")[0]["message"].endswith(failure.__name__)


def test_what_is_known_cannot_be_kept(daemon):
    """It is said once, until it can."""
    def turn(failing):
        daemon.observed.failing = failing
        return b""
    monitor = seeing(daemon, acts=[lambda why=why: turn(why) for why in (
        None, "no room", "no room", "read-only", None, "no room", "no room")])
    messages = [members["message"] for members in monitor.of("error")]
    assert messages == ["what is known cannot be kept: no room"] * 2


def test_what_is_missing_is_told_after_a_try_that_failed_too(daemon, spool):
    """Once: what it could not see later is no reason to miss it."""
    until_segment(spool, 1)
    spool.journal.last = "then"
    monitor = recalling(daemon, lambda: None)
    daemon.monitor, daemon.returns = None, False
    daemon.look_back()
    daemon.lose_sight("fim: no headers: install them")
    daemon.monitor = monitor
    for _ in range(2):
        daemon.recall(monitor)
    assert [kind for kind, _ in monitor.emitted] == ["blind", "error", "blind"]
    assert monitor.of("error")[0]["message"].endswith("it is not there")
