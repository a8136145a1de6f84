# SPDX-License-Identifier: GPL-2.0-only
"""Alerts on what a package transaction writes: judged by the package database, at its end."""
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from fim import packages
from fim.cli_baseline import add_packages
from fim.findings import Finding
from fim.maintenance import Maintenance, begin, end
from fim.transaction import Transactions
from fim.errors import UsageError
import test_packages

HOLDER = ("import fcntl, sys; f = open(sys.argv[1], 'a+'); "
          "fcntl.lockf(f, getattr(fcntl, sys.argv[2])); print('held', flush=True); sys.stdin.read()")
PATIENCE = 60.0


def alert(path, *effects, **members):
    return dict({"rule": "binaries", "path": path, "effects": list(effects), "events": [1],
                 "file": {"type": "file", "mode": "0755"}}, **members)


class Lock:
    """Held by a process of its own, as the tools hold theirs."""

    def __init__(self, path, kind="LOCK_EX"):
        self.process = subprocess.Popen([sys.executable, "-c", HOLDER, path, kind],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"held\n"

    def release(self):
        self.process.communicate()


@pytest.fixture
def lock(tmp_path):
    held = Lock(str(tmp_path / "lock"))
    yield held
    held.release()


@pytest.fixture
def transactions(tmp_path):
    """On a lock and a database of the test's own."""
    database = packages.PackageDatabase(packages.Dpkg())
    return Transactions([database], [str(tmp_path / "lock")], [str(tmp_path / "database")])


def outcomes(transactions):
    """What comes once it is over."""
    end_time, found = time.monotonic() + PATIENCE, []
    while (transactions.held or transactions.verification) and time.monotonic() < end_time:
        found += transactions.turn()
        time.sleep(0.02)
    return found


def test_a_finding_says_what_its_package_has(transactions):
    """No transaction goes on; what it does not explain is an alert at once."""
    has = {"package": {"name": "p", "state": "content_matches"}}
    wrong = [alert("/x", "content", "owner", **has), alert("/x", "content", package={
        "name": "p", "state": "differs"}), alert("/x", "content")]
    assert [transactions.take(one) for one in wrong] == [[("alert", one)] for one in wrong]
    assert transactions.turn() == []
    assert [transactions.take(alert("/x", "content", "times", **has)) for _ in "12"] == [[], []]
    assert transactions.turn() == [("withheld", {"reason": "found as its package has it",
                                                 "count": 2})]
    assert transactions.turn() == transactions.finish() == []


@pytest.mark.skipif(test_packages.NO_DPKG, reason="no dpkg here, or not root")
def test_what_the_package_has_is_no_alert(tmp_path, monkeypatch, lock, transactions):
    top = str(tmp_path / "top")
    test_packages.install(tmp_path, top, monkeypatch)
    test_packages.change(top)
    held = [alert(top + "/same", "content"), alert(top + "/same.dpkg-new", "new", "mode"),
            alert(top + "/other [1]*", "content"), alert(top + "/own", "new"),
            alert(top + "/same", "mode"),
            alert(top + "/same", "new", "mode", file={"type": "file", "mode": "4755"})]
    assert [transactions.take(one) for one in held] == [[]] * len(held)
    assert transactions.turn() == [] and transactions.held
    lock.release()
    said = outcomes(transactions)
    assert said[0] == ("transaction", {"packages": ["fim-try"], "files": 3, "verified": 0,
                                       "mismatched": 3})
    assert [(one["path"][len(top) + 1:], one.get("package", {}).get("state"))
            for kind, one in said[1:]] == [("other [1]*", "differs"), ("own", None),
                                           ("same", "content_matches"),
                                           ("same", "content_matches")]


class Certain:
    """A database that knows its own files, and finds them as they should be."""

    def __init__(self, *paths):
        self.known = set(paths)

    def proofs(self, paths):
        return {path: ("p", "matches") for path in paths if path in self.known}


@pytest.mark.parametrize("name", ["tool;deadbeef", "tool.dpkg-new"])
def test_a_name_as_of_a_tool_s_own(tmp_path, transactions, name):
    """While it is there the file is nobody's; once it is gone it was the tool's."""
    transactions.databases = [Certain(os.fsencode(str(tmp_path / "tool")))]
    transactions.running = lambda: True
    planted = tmp_path / name
    planted.write_text("evil")
    one = alert(str(planted), "new", "mode")
    transactions.take(one)
    assert transactions.finish() == [("alert", one)]
    transactions.take(one)
    planted.rename(tmp_path / "tool")
    assert [kind for kind, _ in transactions.finish()] == ["transaction"]


def test_a_file_without_a_name(transactions):
    """Such as one of a dentry that was disconnected: no package's."""
    transactions.databases, transactions.running = [Certain()], lambda: True
    one = alert(None, "content")
    transactions.take(one)
    assert transactions.finish() == [("alert", one)]


@pytest.mark.skipif(test_packages.NO_DPKG, reason="no dpkg here, or not root")
def test_all_as_it_should_be(tmp_path, monkeypatch, lock, transactions):
    top = str(tmp_path / "top")
    test_packages.install(tmp_path, top, monkeypatch)
    assert transactions.take(alert(top + "/same", "content")) == []
    lock.release()
    assert outcomes(transactions) == [("transaction", {
        "packages": ["fim-try"], "files": 1, "verified": 1, "mismatched": 0})]


def test_no_transaction_no_delay(transactions):
    one = alert("/usr/bin/env", "content")
    assert transactions.take(one) == [("alert", one)]


def test_one_that_was_just_over(tmp_path, transactions):
    """Its database was written a moment ago."""
    (tmp_path / "database").write_text("")
    assert transactions.take(alert("/no such", "content")) == []
    os.utime(str(tmp_path / "database"), (1, 1))
    assert outcomes(transactions) == [("alert", alert("/no such", "content"))]


def test_nobody_hides_behind_a_lock(lock, transactions, monkeypatch):
    monkeypatch.setattr("fim.transaction.LONGEST", 0.1)
    assert transactions.take(alert("/no such", "content")) == []
    assert outcomes(transactions) == [("alert", alert("/no such", "content"))]


def test_who_reads_the_database_begins_no_transaction(tmp_path, transactions):
    """Anybody may share rpm's lock for as long as they like."""
    reader = Lock(str(tmp_path / "lock"), "LOCK_SH")
    one = alert("/no such", "content")
    assert transactions.take(one) == [("alert", one)]
    reader.release()


class Hung:
    """A database that does not answer until it is let go."""

    def __init__(self):
        self.event = threading.Event()

    def proofs(self, paths):
        self.event.wait(PATIENCE)
        return {path: ("p", "matches") for path in paths}


@pytest.fixture
def hung(transactions):
    database = Hung()
    transactions.databases, transactions.running = [database], lambda: True
    yield database
    database.event.set()


def test_what_is_not_answered_is_told(hung, transactions, monkeypatch):
    one, started = alert("/x", "content"), time.monotonic()
    monkeypatch.setattr("fim.transaction.LAST", 0.2)
    transactions.take(one)
    said = transactions.finish()
    monkeypatch.setattr("fim.transaction.VERIFYING", 0.2)
    transactions.take(one)
    transactions.running = lambda: False
    for told in (said, outcomes(transactions)):
        (_, got), (kind, error) = told
        assert got == one and (kind, error["message"]) == (
            "error", "1 alerts told that a package may explain: the package database: it does not "
            "answer")
    assert time.monotonic() - started < PATIENCE / 2


def test_as_many_wait_as_there_is_room_for(hung, transactions, monkeypatch):
    monkeypatch.setattr("fim.transaction.MOST", 2)
    many = [alert("/%d" % number, "content") for number in range(4)]
    assert [transactions.take(one) for one in many] == [[], []] + [[("alert", one)]
                                                                   for one in many[2:]]
    hung.event.set()
    transactions.running = lambda: False
    (kind, error), (last, _) = outcomes(transactions)
    assert (kind, last) == ("error", "transaction") and error["message"].startswith("2 alerts told")


@pytest.mark.parametrize("text, patience, why", [
    ("sleep 100", 0.2, "no answer within 0.2 s"), ("kill -9 $$", 60, "ended by signal 9")])
def test_a_tool_that_does_not_end_proves_nothing(tmp_path, monkeypatch, transactions, capsys, text,
                                                 patience, why):
    """What rpm -V has not said yet is not well."""
    (tmp_path / "rpm").write_text("#!/bin/sh\n[ $1 != -V ] || exec sh -c '%s'\necho p\n" % text)
    (tmp_path / "rpm").chmod(0o700)
    monkeypatch.setenv("PATH", "%s:/usr/bin:/bin" % tmp_path)
    monkeypatch.setattr("fim.packages.TOOL_SECONDS", patience)
    transactions.databases = [packages.PackageDatabase(packages.Rpm())]
    transactions.running = lambda: True
    one = alert("/usr/bin/env", "content")
    transactions.take(one)
    (_, got), (_, error) = transactions.finish()
    assert got == one and error["message"].endswith("the package database: rpm: " + why)
    monkeypatch.setattr("fim.packages.of_this_host", lambda: transactions.databases[0])
    finding = Finding(b"/usr/bin/env", None, None, "changed")
    add_packages([finding])
    assert finding.package is None and why in capsys.readouterr().err


def killed_while_waiting(state, one):
    """The next start's, where the lock is still held."""
    first = Transactions([Certain()], locks=(), written=(), state=state)
    first.running, first.stream = lambda: True, "a" * 32
    first.take(one)
    first.turn()
    return Transactions([Certain()], locks=(), written=(), state=state)


def test_what_waits_outlives_a_kill(tmp_path):
    one, state = alert("/x", "content"), str(tmp_path)
    again = killed_while_waiting(state, one)
    assert (tmp_path / "transaction.jsonl").stat().st_mode & 0o777 == 0o600
    assert outcomes(again) == [("alert", dict(one, events_stream="a" * 32))]
    assert again.turn() == [] and os.listdir(state) == []


def test_what_was_told_is_not_told_again(tmp_path):
    one, state = alert("/x", "content"), str(tmp_path)
    assert killed_while_waiting(state, one).finish()[0][0] == "alert"
    assert not Transactions([Certain()], state=state).held


def test_half_a_line_is_no_alert(tmp_path):
    killed_while_waiting(str(tmp_path), alert("/x", "content"))
    with open(str(tmp_path / "transaction.jsonl"), "a") as file:
        file.write('{"rule": "binar')
    assert len(Transactions([Certain()], state=str(tmp_path)).held) == 1


def test_the_end_does_not_lose_what_waits(lock, transactions):
    transactions.take(alert("/no such", "content"))
    assert transactions.finish() == [("alert", alert("/no such", "content"))]


def test_maintenance(tmp_path):
    state, one = str(tmp_path), alert("/etc/x", "content")
    watched = Maintenance(state)
    assert watched.turn() == [] and watched.mark(one) == one
    begin(state, 3600, "CHG-1")
    with pytest.raises(UsageError):
        begin(state, 3600, "again")
    (kind, said), = watched.turn()
    assert (kind, said["state"], said["reason"], said["held"]) == ("maintenance", "begin", "CHG-1",
                                                                  {})
    assert watched.mark(one)["held"] == watched.mark(one)["held"] == "maintenance"
    end(state)
    (kind, said), = watched.turn()
    assert (said["state"], said["held"]) == ("end", {"binaries": 2})
    assert said["alerts"] == [{"rule": "binaries", "path": "/etc/x", "events": [1]}] * 2
    assert said["not_listed"] == 0
    assert watched.mark(one) == one
    with pytest.raises(UsageError):
        end(state)


def test_maintenance_lists_what_there_is_room_for(tmp_path):
    """Each is counted, and the record can be sent. What the next one holds is its own."""
    watched = Maintenance(str(tmp_path))
    begin(str(tmp_path), 3600, "CHG-1")
    watched.turn()
    for number in range(5000):
        watched.mark(alert("/etc/%d" % number, "content", events=list(range(1, 100))))
    end(str(tmp_path))
    (_, said), = watched.turn()
    listed = said["alerts"]
    assert said["held"] == {"binaries": 5000} and said["not_listed"] == 5000 - len(listed)
    assert [one["path"] for one in listed] == ["/etc/%d" % number for number in range(len(listed))]
    assert len(listed) > 100 and len(json.dumps(said)) < 40000
    assert all(one["events"] == list(range(1, 17)) for one in listed)
    begin(str(tmp_path), 3600, "CHG-2")
    end(str(tmp_path))
    assert watched.turn() == []
    begin(str(tmp_path), 3600, "CHG-3")
    (_, said), = watched.turn()
    assert (said["held"], said["alerts"], said["not_listed"]) == ({}, [], 0)


def test_maintenance_is_over_by_itself(tmp_path):
    begin(str(tmp_path), 0.2, "short")
    watched = Maintenance(str(tmp_path))
    assert [said["state"] for _, said in watched.turn()] == ["begin"]
    time.sleep(0.3)
    assert [said["state"] for _, said in watched.turn()] == ["end"]


def test_maintenance_over_a_restart(tmp_path):
    """Begun once, ended once, with what was held before and after."""
    state, one = str(tmp_path), alert("/etc/x", "content")
    begin(state, 3600, "reboot")
    first = Maintenance(state)
    assert [said["state"] for _, said in first.turn()] == ["begin"]
    first.mark(one)
    assert first.turn() == []
    assert (tmp_path / "maintenance-held.json").stat().st_mode & 0o777 == 0o600
    again = Maintenance(state)
    assert again.turn() == [] and again.mark(one)["held"] == "maintenance"
    again.turn()
    end(state)
    (_, said), = Maintenance(state).turn()
    assert (said["state"], said["reason"], said["held"]) == ("end", "reboot", {"binaries": 2})
    assert [held["path"] for held in said["alerts"]] == ["/etc/x"] * 2 and not said["not_listed"]


def test_maintenance_that_ended_while_fim_did_not_run(tmp_path, monkeypatch):
    begin(str(tmp_path), 3600, "short")
    first = Maintenance(str(tmp_path))
    first.turn()
    first.mark(alert("/etc/x", "content"))
    first.turn()
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    again = Maintenance(str(tmp_path))
    assert [(said["state"], said["held"]) for _, said in again.turn()] == [("end", {"binaries": 1})]
    assert Maintenance(str(tmp_path)).turn() == again.turn() == []


def test_maintenance_that_somebody_else_wrote(tmp_path):
    path = tmp_path / "maintenance.json"
    path.write_text(json.dumps({"by": "x", "reason": "y", "since": "", "until": "",
                                "ends": time.time() + 99}))
    if os.geteuid() != 0:
        pytest.skip("not root: cannot give a file away")
    os.chown(str(path), 65534, 65534)
    assert Maintenance(str(tmp_path)).turn() == []
