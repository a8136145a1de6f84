# SPDX-License-Identifier: GPL-2.0-only
"""`fim run -c`, where it sees nothing."""
import argparse
import signal

from fim import policy_file
from fim.cli_policy import guarded
from test_run import Run, eventually, fim


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


def test_policies_while_blind(tmp_path):
    """They wait with the daemon; a signal that loads them again ends nothing."""
    path = policy(tmp_path, "policy.watch('/etc')\n")
    with Run(tmp_path, "-c", path) as daemon:
        eventually(lambda: daemon.has("blind"))
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.has("heartbeat", 3))
        daemon.stop()
