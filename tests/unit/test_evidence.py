# SPDX-License-Identifier: GPL-2.0-only
"""What rules are told of a file's content: its digest before and after, where records have it; and
when they are told, where these do not come."""
import time

import pytest

import fim
from fim import evidence
from fim.judge import EQUAL, Judge
from fim.policy import Policy
from fim.presets import pci_dss
from fim.records import Record
from made import Made
from streams import DAY, content_of

OLD, NEW, EMPTY = "a" * 64, "b" * 64, "e" * 64
PATH = "/etc/app.conf"


class Stream(Made):
    """Records as fim run writes them."""

    def __init__(self):
        super().__init__()
        self.who = self.process("bin/sh", pid=700)

    def act(self, op, path=PATH, **members):
        """One event, with times of its own."""
        record = self.event(op, path, members.pop("process", self.who), **members)
        record["file"].update(ctime=record["time"], **members.get("file", {}))
        if op in ("close", "truncate"):
            record["file"].setdefault("mtime", record["time"])
        return record

    def content(self, event, before, after, count=1, **members):
        """What was read of a file after it; `file` as it was then."""
        now = self.event("close", event["path"], self.who)
        record = content_of(event, before, after, count)
        record.update(dict({"seq": now["seq"], "time": now["time"]}, **members))
        self.records[-1] = record
        return record

    def later(self, seconds):
        """Time passes, told by a record about something else."""
        self.now_ns += int(seconds * 10**9)
        self.act("mkdir", "/etc/d%d" % self.now_ns)

    def rewrite(self):
        """As a shell does it: (truncate, close)."""
        cut = self.act("truncate", changed={"size": {"before": 5, "after": 0}}, file={"size": 0})
        self.act("modify", process=self.process("bin/cat"), file={"size": 0})
        return cut, self.act("close")


def policy_of(content="sha256", **watch):
    """(policy, what its rule saw)."""
    policy, seen = Policy("p"), []
    watched = policy.watch("/etc", content=content, **watch)

    @policy.rule(watched, on={"content", "mode", "gone", "new"})
    def rule(change):
        if change.op != "mkdir":
            seen.append((change.op, sorted(change.effects), change.before("hash"), change.after("hash")))
            return True
    return policy, seen


def said(stream, **options):
    """(what the rule saw, alerts, counts by reason)"""
    policy, seen = policy_of(**options)
    judge = Judge([policy])
    outcomes = [outcome for record in stream.records for outcome in judge.judge(Record(record))]
    outcomes += judge.finish()
    return seen, [members for kind, members in outcomes if kind == "alert"], {
        members["reason"]: members["count"] for kind, members in outcomes if kind == "withheld"}


# --- before and after ---

def test_the_digest_before_and_after():
    stream = Stream()
    closed = stream.act("close")
    stream.content(closed, OLD, NEW)
    seen, (alert,), _ = said(stream)
    assert seen == [("close", ["content"], OLD, NEW)]
    assert alert["changed"] == {"hash": {"before": OLD, "after": NEW}}
    assert (alert["hash"], alert["hash_state"]) == ({"sha256": NEW}, "stable")
    assert alert["events"] == [closed["seq"]] and alert["op"] == "close"


def test_an_unknown_digest_before_excuses_nothing():
    stream = Stream()
    stream.content(stream.act("close"), None, NEW)
    seen, (alert,), _ = said(stream)
    assert seen == [("close", ["content"], None, NEW)]
    assert alert["changed"] == {"hash": {"before": None, "after": NEW}}


def test_equal_content_is_no_change_and_is_counted():
    stream = Stream()
    stream.content(stream.act("close"), OLD, OLD)
    assert said(stream) == ([], [], {EQUAL: 1})
    stream.content(stream.act("close"), OLD, NEW)
    assert said(stream)[2] == {EQUAL: 1} and len(said(stream)[1]) == 1


def test_who_does_not_ask_for_the_content_is_told_at_once():
    stream = Stream()
    stream.content(stream.act("close"), OLD, OLD)
    seen, alerts, counted = said(stream, content=None)
    assert seen == [("close", ["content"], None, None)] and len(alerts) == 1 and counted == {}


@pytest.mark.parametrize("joined", [False, True])
def test_cut_and_written_with_equal_content(joined):
    """The file is read after both, or once."""
    stream = Stream()
    cut, closed = stream.rewrite()
    if joined:
        stream.content(closed, OLD, OLD, count=2)
    else:
        stream.content(cut, OLD, EMPTY)
        stream.content(closed, EMPTY, OLD)
    assert said(stream) == ([], [], {EQUAL: 1})


def test_read_while_it_was_cut():
    stream = Stream()
    cut = stream.act("truncate", changed={"size": {"before": 5, "after": 0}}, file={"size": 0})
    stream.content(cut, OLD, EMPTY)
    closed = stream.act("close", file={"size": 9})
    stream.content(closed, EMPTY, NEW)
    seen, (alert,), _ = said(stream)
    assert seen == [("close", ["content"], OLD, NEW)]
    assert alert["changed"]["size"] == {"before": 5, "after": 9}


def test_equal_content_with_another_mode_is_a_change_of_mode():
    stream = Stream()
    cut = stream.act("truncate", changed={"size": {"before": 5, "after": 0}}, file={"size": 0})
    stream.act("chmod", changed={"mode": {"before": "0644", "after": "4755"}})
    stream.content(stream.act("close"), OLD, OLD, count=2)
    seen, (alert,), _ = said(stream)
    assert seen == [("close", ["mode"], OLD, OLD)] and cut
    assert alert["changed"] == {"mode": {"before": "0644", "after": "4755"}}


def test_put_in_the_place_of_another():
    """Equal content under the old name, by a file that its maker made beside it."""
    for after, effects in ((OLD, []), (NEW, [["content"]])):
        stream = Stream()
        for op in ("create", "modify", "close"):
            stream.act(op, PATH + ".new", ino="77")
        there = {"dev": "8:1", "ino": "12", "type": "file", "mode": "0644", "uid": 0, "gid": 0,
                 "size": 5, "nlink": 0}
        moved = stream.act("rename", old_path=PATH + ".new", ino="77", replaced=there)
        stream.content(moved, OLD, after)
        seen, alerts, counted = said(stream)
        assert [(op, told) for op, told, _, _ in seen] == [("rename", told) for told in effects]
        assert [alert["path"] for alert in alerts] == [PATH] * len(effects)
        assert counted == ({} if effects else {EQUAL: 1})


def test_a_new_file_has_its_digest():
    stream = Stream()
    stream.act("create")
    stream.content(stream.act("close"), None, NEW)
    seen, (alert,), counted = said(stream)
    assert seen == [("close", ["content", "new"], None, NEW)] and counted == {}
    assert alert["hash"] == {"sha256": NEW}


def test_the_size_before():
    stream = Stream()
    stream.act("modify", file={"size": 30})
    stream.act("modify", file={"size": 33}, process=stream.process("bin/x"))
    stream.act("close", file={"size": 47})
    stream.act("close", file={"size": 50})  # it is not known how large it was before this
    sizes = [alert["changed"].get("size") for alert in said(stream, content=None)[1]]
    assert sizes == [{"before": 30, "after": 47}, None]


def test_the_size_before_joined_records_is_not_known():
    stream = Stream()
    joined = {"repeats": 2, "first": "x", "last": "x"}
    stream.act("modify", file={"size": 30}, **joined)
    stream.act("close", file={"size": 40})
    stream.act("modify", file={"size": 40})
    stream.act("close", file={"size": 50}, **joined)
    assert [alert["changed"] for alert in said(stream, content=None)[1]] == [{}, {}]


def test_a_log_that_is_cut_and_outgrows_itself_did_not_only_grow():
    stream = Stream()
    stream.rewrite()
    stream.records[-1]["file"]["size"] = 500
    assert len(said(stream, content=None, growing=True)[1]) == 1
    grown = Stream()
    grown.act("modify")
    grown.act("close", file={"size": 500})
    assert said(grown, content=None, growing=True)[1] == []


# --- nobody hides behind it ---

def test_what_was_put_back_before_it_was_read():
    """The digest is of what is there when the file is read, not of what was closed."""
    stream = Stream()
    closed = stream.act("close")
    later = dict(closed["file"], mtime="2026-11-23T00:00:00.500000000Z",
                 ctime="2026-11-23T00:00:00.500000000Z")
    stream.content(closed, OLD, OLD, file=later)
    assert [effects for _, effects, _, _ in said(stream)[0]] == [["content"]]
    # With the old mtime, too: the ctime gives it away, however it came about.
    forged = dict(closed["file"], ctime=later["ctime"])
    for op in ("utimes", "chmod", "close"):
        stream = Stream()
        closed = stream.act("close")
        stream.content(closed, OLD, OLD, file=dict(forged))
        mtime = closed["file"]["mtime"]
        last = stream.act(op, file={"mtime": mtime, "size": 6 if op == "chmod" else 5})
        last["file"]["ctime"] = later["ctime"]
        told = [effects for _, effects, _, _ in said(stream)[0]]
        assert told.count(["content"]) == (2 if op == "close" else 1), op


def test_a_time_set_back_is_not_forgotten():
    """Something else was put there, its time set as it was, and then its mode: the ctime that
    is read is the mode's."""
    stream = Stream()
    closed = stream.act("close")
    for op in ("utimes", "chmod"):
        last = stream.act(op, file={"mtime": closed["file"]["mtime"]})
    read = stream.content(closed, OLD, OLD, file=dict(closed["file"], ctime=last["file"]["ctime"]))
    policy, seen = policy_of()
    assert when(stream, policy) == [(read["seq"], PATH)] * 2  # nothing can explain it any more
    assert [told for _, told, _, _ in seen] == [["content"], ["mode"]]


def test_a_mode_set_before_it_was_read_is_no_other_content():
    """The record of that may come behind that of the content."""
    for late in (False, True):
        stream = Stream()
        closed = stream.act("close")
        mode = stream.act("chmod", changed={"mode": {"before": "0600", "after": "0644"}},
                          file={"mtime": closed["file"]["mtime"]})
        read = stream.content(closed, OLD, OLD, file=dict(closed["file"],
                                                          ctime=mode["file"]["ctime"]))
        if late:
            stream.records[-2:] = [read, mode]
        assert [told for _, told, _, _ in said(stream)[0]] == [["mode"]]
        assert said(stream)[2] == {EQUAL: 1}


def test_two_changes_that_were_read_once():
    """Written with something, and put back: neither is known to be none."""
    stream = Stream()
    stream.act("close")
    read = stream.content(stream.act("close", process=stream.process("bin/mv")), OLD, OLD, count=2)
    assert when(stream, policy_of()[0]) == [(read["seq"], PATH)] * 2
    seen, _, counted = said(stream)
    assert [told[:2] for told in seen] == [("close", ["content"])] * 2 and counted == {}
    assert [told[2:] for told in seen] == [(None, None), (None, OLD)]


@pytest.mark.parametrize("state", ["unstable", "skipped"])
def test_a_digest_that_is_none_excuses_nothing(state):
    stream = Stream()
    closed = stream.act("close")
    stream.content(closed, OLD, None if state == "skipped" else OLD, hash_state=state)
    seen, (alert,), counted = said(stream)
    assert seen[0][:2] == ("close", ["content"]) and counted == {}
    assert alert["hash_state"] == state


def test_a_content_of_another_stream_is_of_nobody():
    stream = Stream()
    stream.content(stream.act("close"), OLD, OLD, stream="1" * 32)
    assert len(said(stream)[0]) == 1


# --- how long ---

def when(stream, policy):
    """[(seq of the record at which it is said, path)] of the alerts; those at the end: None."""
    judge = Judge([policy])
    found = [(record["seq"], members["path"]) for record in stream.records
             for kind, members in judge.judge(Record(record)) if kind == "alert"]
    return found + [(None, members["path"]) for kind, members in judge.finish() if kind == "alert"]


def test_it_is_judged_when_its_digest_comes():
    stream = Stream()
    closed = stream.act("close")
    stream.act("close", "/etc/other")
    read = stream.content(closed, OLD, NEW)
    policy, _ = policy_of()
    assert when(stream, policy) == [(read["seq"], PATH), (None, "/etc/other")]


def test_a_digest_that_does_not_come():
    stream = Stream()
    stream.act("close")
    stream.later(evidence.WAIT_NS / 1e9 - 0.1)
    stream.later(0.2)
    policy, seen = policy_of()
    assert when(stream, policy) == [(stream.records[-1]["seq"], PATH)]
    assert seen == [("close", ["content"], None, None)]


def test_time_passes_without_records():
    stream = Stream()
    closed = Record(stream.act("close"))
    judge = Judge([policy_of()[0]])
    assert judge.judge(closed) == [] == judge.tick(closed.time_ns + evidence.WAIT_NS - 1)
    assert [record.seq for record in judge.waiting()] == [closed.seq]
    assert [kind for kind, _ in judge.tick(closed.time_ns + evidence.WAIT_NS)] == ["alert"]
    assert judge.waiting() == []


def test_a_file_that_is_gone_is_hardly_waited_for():
    stream = Stream()
    stream.act("close")
    stream.act("unlink", process=stream.process("bin/rm"), file={"nlink": 0})
    stream.later(evidence.SOON_NS / 1e9 + 0.1)
    seq = stream.records[-1]["seq"]
    policy, seen = policy_of()
    assert when(stream, policy) == [(seq, PATH), (seq, PATH)]
    assert [op for op, _, _, _ in seen] == ["close", "unlink"]  # in their order


def test_nobody_takes_digests():
    stream = Stream()
    closed = stream.act("close")
    (alert,) = Judge([policy_of()[0]], digests=False).judge(Record(closed))
    assert alert[1]["path"] == PATH and alert[1]["changed"] == {}


@pytest.mark.parametrize("limit", ["MOST_RECORDS", "MOST_CHANGES"])
def test_what_waits_is_bounded_and_judged(monkeypatch, limit):
    monkeypatch.setattr(evidence, limit, 5)
    stream = Stream()
    for number in range(20):
        stream.act("close", "/etc/f%02d" % number)
    told = when(stream, policy_of()[0])
    assert [path for _, path in told] == ["/etc/f%02d" % number for number in range(20)]
    assert [seq for seq, _ in told].count(None) in (5, 6)


@pytest.mark.parametrize("then", ["close", "content", "unlink"])
def test_many_changes_of_one_file_cost_no_more_each(then):
    """A thousand that wait: it was four to twenty seconds, and is a third of one."""
    stream = Stream()
    for number in range(1000):
        stream.act("close", process=dict(stream.who, pid=10000 + number))
        stream.now_ns -= 900000
    for closed in list(stream.records) if then != "close" else ():
        if then == "content":
            stream.content(closed, OLD, NEW)
        else:
            stream.act("unlink", ino="5")
        stream.now_ns -= 900000
    policy, _ = policy_of()
    begun = time.process_time()
    assert len(when(stream, policy)) >= 1000
    assert time.process_time() - begun < 2.5


def test_changes_of_one_file_keep_their_order():
    stream = Stream()
    closed = stream.act("close")
    stream.act("chmod", changed={"mode": {"before": "0644", "after": "0666"}})
    stream.act("chmod", "/etc/other", changed={"mode": {"before": "0644", "after": "0666"}})
    read = stream.content(closed, OLD, NEW)
    policy, seen = policy_of()
    assert when(stream, policy) == [(read["seq"] - 1, "/etc/other"), (read["seq"], PATH),
                                    (read["seq"], PATH)]
    assert [op for op, _, _, _ in seen] == ["chmod", "close", "chmod"]


# --- a whole day, as fim run would have told it ---

DIGESTS = {"truncate": (OLD, EMPTY), "close": (EMPTY, OLD)}


def with_contents(records):
    """The digests of /etc/profile: what was there is what the recorded shell wrote back."""
    for record in records:
        yield record
        if record.path == "/etc/profile" and record.op in DIGESTS:
            yield Record(content_of(record.as_dict(), *DIGESTS[record.op]))


def test_a_day_with_digests_has_the_alerts_of_the_rest():
    """A configuration run that rewrites equal content is no alert."""
    told = []
    for records in (fim.read(DAY), with_contents(fim.read(DAY))):
        policy = Policy("day", extends=[pci_dss.policy])
        for rule in policy.rules:
            rule.told.clear()
        told.append({(alert.rule, alert.path) for alert in policy.try_on(records)})
    assert told[0] - told[1] == {("shell_profiles", "/etc/profile")}
    assert len(told[1]) == 3


def test_an_unknown_algorithm():
    with pytest.raises(ValueError, match="sha256"):
        Policy("p").watch("/etc", content="md5")
