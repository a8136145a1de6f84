# SPDX-License-Identifier: GPL-2.0-only
"""`fim run -c`, where it sees nothing; and what its comparison with the baseline finds."""
import argparse
import json
import os
import re
import shutil
import signal
import types

import jsonschema
import pytest

from core_build import ROOT
from fim import policy_file
from fim.cli_policy import guarded
from fim.daemon import Daemon
from fim.errors import PolicyError
from fim.guard import Guard
from fim.judged import Judged
from fim.service import Service
from test_run import KPROBES, Run, eventually, fim

RULE = """
watch = policy.watch(%r, content="sha256")
@policy.rule(watch, on={"content", "gone"})
def rule(change):
    return "%%s: %%s" %% (change.record.kind, change.path)
"""


def policy(directory, text):
    path = directory / "policy.py"
    path.write_text("from fim.policy import Policy\npolicy = Policy('p')\n" + text)
    path.chmod(0o600)
    return str(path)


def complaint(tmp_path, text, *arguments):
    """What it leaves with, at once."""
    status, _, said = fim("run", "--state", str(tmp_path / "state"), "-c",
                          policy(tmp_path, text), *arguments)
    assert status == 1 and said.count("\n") == 1
    return said


def test_a_policy_that_is_refused(tmp_path):
    assert "policy.py:3: AttributeError" in complaint(tmp_path, "policy.wach('/etc')\n")
    assert "it watches nothing" in complaint(tmp_path, "policy.watch('/no/such')\n")


def test_an_action_that_cannot_be_allowed(tmp_path):
    assert "explode" in complaint(tmp_path, "policy.watch('/etc')\n", "--allow-action", "explode")


def places(paths, state=None, policies=()):
    """Of the policies that are at work; None: there are none."""
    options = argparse.Namespace(paths=list(paths), policies=list(policies), actions=[])
    with guarded(options, state) as guard:
        return guard and guard.places


def test_the_default_policies(tmp_path, monkeypatch):
    """A daemon takes them beside its paths, as the service as shipped has some."""
    monkeypatch.setattr(policy_file, "DEFAULT", str(tmp_path / "policy.d"))
    (tmp_path / "policy.d").mkdir(0o700)
    state, default = str(tmp_path), [policy_file.DEFAULT]
    assert places(["/etc"], state) is places([]) is None
    (tmp_path / "policy.d" / "README").write_text("none yet")
    assert places(["/etc"], state) is None
    one = policy(tmp_path / "policy.d", "policy.watch('/etc')\n")
    assert places(["/etc"], state) == places([], state) == places([]) == default
    assert places(["/etc"]) is None
    assert places(["/etc"], state, [one]) == [one]


def options_of(path, *paths):
    return argparse.Namespace(paths=list(paths), policies=[path], actions=[])


def said(guard, last):
    """The records from the policies, until one is in this state."""
    found = []
    eventually(lambda: found.extend(guard.turn()) or [
        members.get("state") for kind, members in found if kind == "policy"][-1:] == [last])
    return found


@pytest.fixture
def ran(tmp_path):
    """A state directory in which a daemon ran."""
    (tmp_path / "state" / "journal").mkdir(parents=True)
    return str(tmp_path / "state")


def test_a_start_with_a_bad_policy_takes_the_last_good_one(tmp_path, ran, capsys, monkeypatch):
    """A typing error is no reason to see nothing after a boot."""
    monkeypatch.setattr("fim.guard.LOOK", 0.05)
    path = policy(tmp_path, "policy.watch('/etc')\n")
    with guarded(options_of(path), ran) as guard:
        digest = said(guard, "loaded")[-1][1]["digest"]
    assert os.stat(ran + "/policies.json").st_mode & 0o777 == 0o600
    policy(tmp_path, "policy.wach('/etc')\n")
    with guarded(options_of(path), ran) as guard:
        assert guard.paths() == ["/etc"]
        found = said(guard, "refused")
        assert {members["digest"] for kind, members in found if kind == "policy"} == {digest}
        assert "policy.py:3: AttributeError" in guard.refused
        assert [members["where"] for kind, members in found if kind == "error"] == ["policy"]
        policy(tmp_path, "policy.watch('/usr')\n")
        said(guard, "loaded")
        assert guard.refused is None and guard.paths() == ["/usr"]
    assert "AttributeError" in capsys.readouterr().err


def test_a_start_without_a_good_policy_watches_what_is_named(tmp_path, ran, capsys):
    path = policy(tmp_path, "policy.wach('/etc')\n")
    with guarded(options_of(path, "/etc"), ran) as guard:
        assert guard.paths() == guard.excludes() == [] and guard.labels() == {}
        (kind, error), (_, refused) = said(guard, "refused")
        assert (kind, refused["state"]) == ("error", "refused")
        assert "nothing is judged: " in error["message"] and guard.refused == error["message"]
    assert "no policy is in force" in capsys.readouterr().err
    with pytest.raises(PolicyError), guarded(options_of(path), ran):
        pass


def test_kept_policies_are_nobody_else_s(tmp_path, ran):
    """What others could write, or was not written whole, is none."""
    policy_file.keep(ran, [policy_file.PolicyFile("/x.py", "1")])
    assert policy_file.kept(ran) == [("/x.py", "1")]
    os.chmod(ran + "/policies.json", 0o620)
    assert policy_file.kept(ran) == []
    os.chmod(ran + "/policies.json", 0o600)
    with open(ran + "/policies.json", "w") as file:
        file.write('[["/x.py"')
    assert policy_file.kept(ran) == []


def test_a_daemon_that_starts_with_a_bad_policy(tmp_path):
    """It runs, and says so in the journal and to whoever asks."""
    path = policy(tmp_path, "policy.watch('/etc')\n")
    with Run(tmp_path, "-c", path) as daemon:
        eventually(lambda: daemon.has("policy"))
        daemon.stop()
    policy(tmp_path, "policy.wach('/etc')\n")
    with Run(tmp_path, "-c", path) as daemon:
        eventually(lambda: daemon.has("policy", 3))
        eventually(lambda: re.search("the policy is not in force: .*AttributeError",
                                     fim("status", "--state", daemon.state)[1]))
        daemon.stop()
    assert [record["state"] for record in daemon.records() if record["kind"] == "policy"] == [
        "loaded", "loaded", "refused"]


def test_policies_while_blind(tmp_path):
    """They wait with the daemon; a signal that loads them again ends nothing."""
    path = policy(tmp_path, "policy.watch('/etc')\n")
    with Run(tmp_path, "-c", path) as daemon:
        eventually(lambda: daemon.has("blind"))
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.has("heartbeat", 3))
        daemon.stop()


def test_what_is_found_is_judged(tmp_path):
    """By a comparison with the baseline, blind as fim is."""
    watched, state = tmp_path / "watched", str(tmp_path / "state")
    watched.mkdir()
    (watched / "file").write_text("as it was")
    (watched / "gone").write_text("")
    os.mkdir(state, 0o700)
    assert fim("init", str(watched), "--state", state)[0] == 0
    (watched / "file").write_text("as it is")
    (watched / "gone").unlink()
    path = policy(tmp_path, RULE % str(watched))
    if os.geteuid() == 0 and os.path.exists(KPROBES):
        for name in (state, state + "/fim.db", path):
            shutil.chown(name, 65534, 65534)
    with Run(tmp_path, "-c", path, "--check-hours", "0.0001") as run:
        eventually(lambda: run.has("alert", 2))
        run.stop()
    records = run.records()
    alerts = [record for record in records if record["kind"] == "alert"][:2]
    assert {(alert["message"], alert["effect"]) for alert in alerts} == {
        ("finding: %s" % (watched / "file"), "content"), ("finding: %s" % (watched / "gone"), "gone")}
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    findings = {(record["stream"], record["seq"]): record
                for record in records if record["kind"] == "finding"}
    for alert in alerts:
        validator.validate(alert)
        finding = findings[alert["events_stream"], alert["events"][0]]
        assert alert["stream"] != alert["events_stream"] and len(alert["events"]) == 1
        assert (alert["check"], alert["path"], alert["changed"]) == (
            finding["check"], finding["path"], finding["changed"])


def line_of(kind, path, **members):
    """A record by the number 7."""
    return json.dumps(dict(kind=kind, path=path, seq=7, stream="c" * 32, state="missing", file={},
                           time="2026-11-23T04:54:31.000000000Z", **members)).encode() + b"\n"


def test_what_was_found_waits_for_no_other_comparison():
    """While nothing is seen somebody has to ask what the rules said."""
    asked = []
    daemon = types.SimpleNamespace(retry=0.3, stop=types.SimpleNamespace(reason=None),
                                   turn=lambda: None, judge=lambda: asked.append(1))
    Daemon.wait(daemon)
    assert asked


class Seeing:
    """A monitor, of which nothing is asked but to write; and everything else that a daemon has."""

    def __init__(self):
        self.spots = types.SimpleNamespace(keep=lambda plans: None)
        self.told, self.put = [], []
        self.sinks = []

    def emit(self, kind, members, message):
        self.told.append((kind, members, message))

    def extend(self, paths, excludes):
        pass

    def spooled(self, source, lines):
        self.put.append((source, lines))


def test_what_is_found_while_it_sees(tmp_path):
    """Goes to the journal as it is, and what is said of it into the monitor's stream."""
    there = Seeing()
    guard = Guard([policy(tmp_path, RULE % "/etc")])
    spool = types.SimpleNamespace(put=there.spooled)
    lines = [line_of("finding", "/etc/x", check="3"), b""]
    comparison = types.SimpleNamespace(turn=lambda put: put(lines.pop(0)) if lines else None)
    daemon = Daemon(None, (), spool, None, None, comparison, Service({}),
                    types.SimpleNamespace(reason=None), None, guard=guard)
    daemon.monitor, daemon.judged = there, Judged(there, guard, there.put.append, False)
    try:
        finding = lines[0]
        daemon.compare()
        daemon.compare()
        eventually(lambda: daemon.judge() or len(there.told) > 1)
    finally:
        daemon.pulse.close()
        guard.close()
    assert there.put == [(comparison, finding), (comparison, b"")]
    (_, _, _), (kind, alert, said) = there.told
    assert (kind, alert["events"], alert["events_stream"]) == ("alert", [7], "c" * 32)
    assert said.startswith("ALERT medium rule: finding: /etc/x  (gone of /etc/x, records 7 of check 3)")


def test_what_is_not_judged_is_named(tmp_path):
    """A comparison has numbers of its own: a rule is not spared a record for a finding's sake."""
    source = RULE % "/etc" + "    import os\n    os._exit(7)\n"
    source = source.replace("    return", "    if change.path == '/etc/y':\n        return")
    guard = Guard([policy(tmp_path, source)])
    try:
        outcomes = guard.turn(line_of("finding", "/etc/x", check="3"), "the comparison")
        outcomes += guard.turn(line_of("reconcile", "/etc/y")) + guard.finish()
    finally:
        guard.close()
    errors = [members["message"] for kind, members in outcomes if kind == "error"]
    assert re.match(  # the second had been handed over by then, or not
        "the process of the policies ended with status 7 at record 7 of check 3: killed; records 7 "
        "to 7 of the comparison(, records 7 to 7)? are judged again$", errors[0])
    (alert,) = [members for kind, members in outcomes if kind == "alert"]
    assert alert["path"] == "/etc/y" and "events_stream" not in alert
