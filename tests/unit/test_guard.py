# SPDX-License-Identifier: GPL-2.0-only
"""What a monitor has of policies: what to watch, and what to write because of what it saw."""
import json
import os
import time

import pytest

from fim.errors import PolicyError, UsageError
from fim.guard import Guard, exclude_patterns
from fim.spots import Spots
from fim.judged import Judged, text_of
from fim.maintenance import Maintenance, begin, end
from fim.transaction import Transactions
from made import Made
from streams import ATTACKS, lines_of

SOURCE = """
from fim.policy import Policy
policy = Policy("guarded", labels={"team": "x"})
etc = policy.watch("/etc", exclude=["*.swp"])
policy.watch("/etc/*.d")
policy.watch("/no such directory/file")
@policy.rule(etc / "passwd")
def rule(change):
    "Said."
    return True
"""
PATIENCE = 60.0


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.py"
    path.write_text(SOURCE)
    path.chmod(0o600)
    return path


@pytest.fixture
def guard(policy, tmp_path):
    guard = Guard([str(policy)], state=str(tmp_path))
    yield guard
    guard.close()


def wait_for(guard, kind, **members):
    """The first of a kind that has these members."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for got, said in guard.turn():
            if got == kind and members.items() <= said.items():
                return said
        time.sleep(0.01)
    raise AssertionError("no %s" % kind)


def test_what_to_watch(guard):
    paths = guard.paths()
    assert "/etc" in paths and len(paths) > 2
    assert all(os.path.isdir(path) for path in paths)
    assert guard.absent == ["/no such directory/file"]
    assert guard.labels() == {"team": "x"}
    assert set(guard.excludes()) == {"/etc/*/*.swp", "/etc/*.swp"}


def test_nothing_to_watch(policy):
    policy.write_text("from fim.policy import Policy\npolicy = Policy('x')\n")
    guard = Guard([str(policy)])
    with pytest.raises(PolicyError, match="watches nothing"):
        guard.paths()
    guard.close()


def test_excludes_of_all_watches_are_names():
    watches = [{"path": "/a", "exclude": ["*.swp", "x"]}, {"path": "/b", "exclude": ["*.swp", "/b/c"]}]
    assert exclude_patterns([{"watches": watches}]) == ["*.swp", "/a/*/x", "/a/x", "/b/c"]


def test_alerts(guard):
    outcomes = guard.turn(lines_of(ATTACKS)) + guard.finish()
    alerts = [members for kind, members in outcomes if kind == "alert"]
    assert alerts and {alert["path"] for alert in alerts} == {"/etc/passwd"}
    assert not any("unless" in alert or "held" in alert for alert in alerts)
    assert [members["state"] for kind, members in outcomes if kind == "policy"] == ["loaded"]


def test_maintenance_marks_them(guard, tmp_path):
    begin(str(tmp_path), 600, "CHG-1")
    outcomes = guard.turn(lines_of(ATTACKS)) + guard.finish()
    (alert,) = [members for kind, members in outcomes if kind == "alert"]
    assert alert["held"] == "maintenance"
    end(str(tmp_path))
    said = wait_for(guard, "maintenance", state="end")
    assert said["held"] == {"rule": 1} and said["not_listed"] == 0
    assert said["alerts"] == [{key: alert[key] for key in ("rule", "path", "events")}]
    assert text_of("maintenance", said).endswith("CHG-1; held: rule of /etc/passwd (records %s)"
                                                 % ",".join(map(str, alert["events"])))


EXCUSED = """
from fim.policy import Policy, package_verified
policy = Policy("guarded")
etc = policy.watch("/etc")
policy.quiet(when=package_verified)
@policy.rule(etc, once_per="10m")
def rule(change):
    return True
"""


class Upgraded:
    """A package database that excuses one file as long as it is said to."""

    def __init__(self):
        self.known = {b"/etc/passwd"}

    def proofs(self, paths):
        return {path: ("p", "matches") for path in paths if path in self.known}


def test_what_a_package_excuses_is_not_told_for_others(policy, tmp_path):
    """An update, and within once_per what an attacker makes of the same file."""
    policy.write_text(EXCUSED)
    guard = Guard([str(policy)])
    guard.worker.batches.live = False
    database = Upgraded()
    guard.transactions = Transactions([database], locks=(), written=())
    guard.transactions.running = lambda: True
    made = Made()
    who = made.process("bin/python3")

    def closed():
        line = json.dumps(made.event("close", "/etc/passwd", who)).encode() + b"\n"
        guard.settled(guard.worker.judge(line))
        return [kind for kind, _ in guard.marked(guard.transactions.finish())]
    try:
        assert closed() == ["transaction"]
        database.known = set()
        assert (closed(), closed()) == (["alert"], [])
        assert guard.finish() == [("withheld", {
            "reason": "alike alerts of rule rule (once_per)", "count": 1})]
    finally:
        guard.close()


def test_maintenance_outlives_the_end(guard, tmp_path):
    """With the last alerts of it."""
    begin(str(tmp_path), 600, "CHG-1")
    guard.turn()
    guard.finish(lines_of(ATTACKS))
    end(str(tmp_path))
    (_, said), = Maintenance(str(tmp_path)).turn()
    assert (said["state"], said["held"]) == ("end", {"rule": 1})


def test_a_changed_file_is_loaded(guard, policy, monkeypatch):
    monkeypatch.setattr("fim.guard.LOOK", 0.05)
    before = wait_for(guard, "policy")["digest"]
    policy.write_text(SOURCE.replace("Said.", "Said again."))
    assert wait_for(guard, "policy")["digest"] != before
    policy.write_text("policy = = 1\n")
    assert wait_for(guard, "policy")["state"] == "refused"
    policy.chmod(0o622)
    assert guard.refused.endswith("policy.py:1: invalid syntax")
    assert "others can write" in wait_for(guard, "error")["message"]
    assert "others can write" in guard.refused
    outcomes = guard.turn(lines_of(ATTACKS)) + guard.finish()
    assert {members["message"] for kind, members in outcomes if kind == "alert"} == {"Said again."}


def test_one_that_watches_nothing_here_is_refused(guard, policy):
    """The one before stays, and is what a monitor that begins again takes."""
    wait_for(guard, "policy")
    paths = guard.paths()
    policy.write_text("from fim.policy import Policy\npolicy = Policy('x')\n"
                      "policy.watch('/no such/directory/file')\n")
    guard.want()
    assert "policy.py: it watches nothing" in wait_for(guard, "error")["message"]
    assert guard.paths() == paths
    assert "alert" in dict(guard.turn(lines_of(ATTACKS)) + guard.finish())


def test_wanted_by_a_signal(guard):
    wait_for(guard, "policy")
    guard.want(1, None)
    assert wait_for(guard, "policy")["state"] == "loaded"


class Lines:
    """Where a monitor would write, and a monitor that only emits."""

    def __init__(self):
        self.written = b""
        self.emitted = []
        self.extended = []
        self.spots = Spots([])

    def write(self, lines):
        self.written += lines

    def emit(self, kind, members, message):
        self.emitted.append((kind, members, message))

    def extend(self, paths, excludes):
        self.extended.append((paths, excludes))


@pytest.mark.parametrize("digests", [False, True])
def test_who_takes_digests_waits_for_them(policy, digests):
    policy.write_text(SOURCE.replace('"/etc", ', '"/etc", content="sha256", '))
    guard = Guard([str(policy)], digests=digests)
    guard.worker.batches.live = False  # the stream is old
    try:
        outcomes = guard.worker.judge(lines_of(ATTACKS))
        assert [kind for kind, _ in outcomes].count("alert") == (0 if digests else 1)
        ((kind, alert),) = [outcome for outcome in outcomes + guard.finish()
                            if outcome[0] == "alert"]
        assert alert["path"] == "/etc/passwd" and "hash" not in alert
    finally:
        guard.close()


@pytest.mark.parametrize("text", [False, True])
def test_between_monitor_and_sink(guard, text):
    there = Lines()
    judged = Judged(there, guard, there.write, text)
    lines = lines_of(ATTACKS)
    judged.write(lines)
    judged.finish(b"")
    assert there.written == (b"" if text else lines)  # for people without the evidence
    assert [kind for kind, _, _ in there.emitted] == ["policy", "alert"]
    assert there.extended == [([path], guard.excludes()) for path in guard.paths()]
    assert there.emitted[1][2].startswith("ALERT medium rule: Said.  (content of /etc/passwd")


def refuse(plans):
    del plans
    raise PolicyError("fim: policy.py: it watches nothing that is here")


def test_what_is_made_later_of_a_pattern(policy, tmp_path, monkeypatch):
    """Of a home that is there its .ssh to come; a home to come once it is there."""
    homes = tmp_path / "home"
    (homes / "a" / ".ssh").mkdir(parents=True)
    (homes / "b").mkdir()
    (homes / "file").write_text("")
    policy.write_text("from fim.policy import Policy\npolicy = Policy('p')\n"
                      "policy.watch('%s/*/.ssh')\npolicy.watch('%s/a/*.d')\n" % (homes, homes))
    guard, there = Guard([str(policy)]), Lines()
    try:
        assert guard.paths() == [str(homes / "a" / ".ssh"), str(homes / "b" / ".ssh")]
        (homes / "c").mkdir()
        (homes / "a" / "x.d").mkdir()
        judged = Judged(there, guard, there.write, False)
        judged.write(b"")
        del there.extended[:]  # as the policy was loaded
        (homes / "d").mkdir()
        assert guard.newly() == []
        monkeypatch.setattr("fim.guard.GROW", 0)
        judged.write(b"")
        assert there.extended == [([str(homes / "d" / ".ssh")], [])] and guard.newly() == []
    finally:
        guard.close()


def test_a_path_that_cannot_be_watched_ends_nothing(guard, monkeypatch):
    there = Lines()

    def extend(paths, excludes):
        if paths == ["/etc"]:
            raise UsageError("fim: /etc: its file system does not answer")
        there.extended.append(paths)
    there.extend = extend
    judged = Judged(there, guard, there.write, False)
    judged.emit([("policy", {"digest": "x", "state": "loaded"})])
    assert there.extended == [[path] for path in guard.paths() if path != "/etc"]
    assert [(kind, members.get("message")) for kind, members, _ in there.emitted] == [
        ("error", "/etc: its file system does not answer"), ("policy", None)]
    monkeypatch.setattr(guard, "here", refuse)
    judged.emit([("policy", {"digest": "x", "state": "loaded"})])
    assert [kind for kind, _, _ in there.emitted[2:]] == ["error", "policy"]
