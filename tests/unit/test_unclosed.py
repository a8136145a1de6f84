# SPDX-License-Identifier: GPL-2.0-only
"""What is written in place through a descriptor that stays open is judged, once, as it is."""
import pytest

from fim import unclosed
from fim.composer import Composer
from fim.judge import EQUAL, Judge
from fim.policy import Policy
from fim.records import Record
from made import Made
from streams import content_of

PATH = "/etc/app.conf"
LONG = unclosed.OPEN_NS // 10**9
DIGEST = "a" * 64


class Stream(Made):
    """Records of processes that each have a session of their own."""

    def process(self, exe="bin/x", **members):
        made = super().process(exe, **members)
        return dict(made, cgroup=members.get("cgroup", "/session-%d" % made["pid"]))

    def later(self, seconds):
        """Time passes, told by a record about something else."""
        self.now_ns += seconds * 10**9
        self.event("mkdir", "/etc/d%d" % self.now_ns, self.process(), file={"type": "directory"})


def said(stream, content="sha256", withheld=None):
    """([(seq at which it is said, effect, path, events)] of the alerts, counts by reason); what
    the end says comes with None."""
    policy = Policy("p")
    etc = policy.watch("/etc", content=content)
    policy.rule(etc)(lambda change: change.file.type != "directory")
    if withheld:
        policy.withhold(etc, **withheld)
    judge = Judge([policy])
    told = [(record["seq"],) + outcome for record in stream.records
            for outcome in judge.judge(Record(record))]
    told += [(None,) + outcome for outcome in judge.finish()]
    return [(seq, members["effect"], members["path"], members["events"])
            for seq, kind, members in told if kind == "alert"], {
                members["reason"]: members["count"] for _, kind, members in told
                if kind == "withheld"}


def changes_of(stream):
    """[(path, events)] of what is whole before the end, and all that there is then."""
    composer = Composer()
    whole = [change for record in stream.records for change in composer.add(Record(record))]
    return [[(change.path, change.events) for change in changes if change.op != "mkdir"]
            for changes in (whole, composer.finish())]


def test_it_is_judged_once_after_a_while():
    stream = Stream()
    who = stream.process()
    stream.event("modify", PATH, who)
    stream.later(LONG - 1)
    stream.event("modify", PATH, who)  # as one that was attached again says it
    for _ in range(3):
        stream.later(LONG)
    told, _ = said(stream)
    assert told == [(4, "content", PATH, [1])]
    stream.event("close", PATH, who)   # what is told at the close is told as ever
    assert said(stream)[0] == told + [(None, "content", PATH, [stream.records[-1]["seq"]])]
    stream.event("modify", PATH, who)
    assert said(stream)[0][2:] == [(None, "content", PATH, [stream.records[-1]["seq"]])]


def test_time_passes_without_records():
    """It is among what waits, until it is told."""
    modified = Record(Stream().event("modify", PATH, Stream().process()))
    policy = Policy("p")
    policy.rule(policy.watch("/etc"))(lambda change: True)
    judge = Judge([policy])
    assert judge.judge(modified) == [] == judge.tick(modified.time_ns + unclosed.OPEN_NS - 1)
    assert judge.waiting() == [modified]
    assert [kind for kind, _ in judge.tick(modified.time_ns + unclosed.OPEN_NS)] == ["alert"]
    assert judge.waiting() == [] == judge.finish()


def test_a_close_in_time_tells_alone():
    stream = Stream()
    who = stream.process()
    for op in ("modify", "close"):
        stream.event(op, PATH, who)
    stream.later(2 * LONG)
    assert [events for _, _, _, events in said(stream)[0]] == [[2]]


def test_put_back_through_the_same_descriptor():
    """Something else was there for a minute; when it is closed its content is equal."""
    stream = Stream()
    who = stream.process()
    stream.event("modify", PATH, who)
    stream.later(60)
    closed = stream.event("close", PATH, who, count=2)
    closed["file"].update(mtime=closed["time"], ctime=closed["time"])
    stream.records.append(content_of(closed, DIGEST, DIGEST))
    told, counted = said(stream)
    assert told == [(2, "content", PATH, [1])] and counted == {EQUAL: 1}


def test_it_is_told_by_the_name_that_it_has_by_now():
    """Equal content is put in place, and something else written to it there."""
    stream = Stream()
    who = stream.process()
    for op in ("create", "modify"):
        stream.event(op, PATH + ".new", who, ino="77")
    there = {"dev": "8:1", "ino": "12", "type": "file", "mode": "0644", "uid": 0, "gid": 0,
             "size": 5, "nlink": 0}
    moved = stream.event("rename", PATH, who, ino="77", old_path=PATH + ".new", replaced=there)
    stream.records.append(content_of(moved, DIGEST, DIGEST))
    stream.later(LONG)
    told, counted = said(stream)
    assert told == [(5, "content", PATH, [2])] and counted == {EQUAL: 1}


@pytest.mark.parametrize("cgroup,left", [("/session-1", []), ("/session-2", [(PATH, [1])])])
def test_who_closes_it(cgroup, left):
    """A shell closes what its child wrote to; the close of anybody else tells of other things."""
    stream = Stream()
    stream.event("modify", PATH, stream.process(cgroup="/session-1"))
    stream.event("close", PATH, stream.process(cgroup=cgroup))
    assert changes_of(stream) == [[(PATH, [2])], left]


def test_who_keeps_a_log_open_covers_nobody():
    stream = Stream()
    stream.event("modify", PATH, stream.process())
    stream.later(2 * LONG)
    stream.event("modify", PATH, stream.process())
    stream.later(2 * LONG)
    assert changes_of(stream) == [[(PATH, [1]), (PATH, [3])], []]


def test_what_is_told_late_was_closed():
    """Repeats that were joined come in any order."""
    stream = Stream()
    who = stream.process()
    stream.event("modify", PATH, who, repeats=3)
    stream.event("close", PATH, who, repeats=3)
    stream.records.reverse()
    assert changes_of(stream) == [[(PATH, [2])], []]


def test_what_nobody_can_find_is_not_told():
    stream = Stream()
    who = stream.process()
    stream.event("modify", PATH, who)
    stream.event("unlink", PATH, who, file={"nlink": 0})
    assert changes_of(stream) == [[(PATH, [2])], []]


@pytest.mark.parametrize("limit", ["MOST_OPEN", "MOST_RECORDS"])
def test_what_waits_is_bounded_and_judged(monkeypatch, limit):
    monkeypatch.setattr(unclosed, limit, 5)
    stream, composer = Stream(), Composer()
    for number in range(20):
        stream.event("modify", "/etc/f%02d" % number, stream.process())
    whole = [change for record in stream.records for change in composer.add(Record(record))]
    files = composer.unclosed
    assert len(files.begun) == 6 and len(whole) == 14
    assert composer.waiting()[0].path == "/etc/f14"
    whole += composer.finish()
    assert [change.path for change in whole] == ["/etc/f%02d" % number for number in range(20)]
    kept = 5 if limit == "MOST_OPEN" else 20
    assert len(files.told) == len(files.files) == kept and not files.begun


@pytest.mark.parametrize("withheld,told", [({"uid": 0, "ops": {"close"}}, False),
                                           ({"uid": 1, "ops": {"close"}}, True),
                                           ({"uid": 0, "ops": {"modify"}}, False)])
def test_who_does_not_want_the_close_wants_nothing_in_its_stead(withheld, told):
    """Whether the kernel leaves it out, or it is counted here."""
    stream = Stream()
    stream.event("modify", PATH, stream.process())
    stream.later(LONG)
    alerts, counted = said(stream, withheld=withheld)
    assert bool(alerts) is told
    assert list(counted.values()) == ([1] if withheld["ops"] == {"modify"} else [])
