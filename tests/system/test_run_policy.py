# SPDX-License-Identifier: GPL-2.0-only
"""`fim run -c`: alerts in the journal, policies loaded again, maintenance, and its end: make
test-policy"""
import os
import signal

import pytest

from daemon import Daemon

POLICY = """
from fim.policy import Policy
policy = Policy("daemon")
tree = policy.watch(%r)
policy.withhold(policy.watch(%r), ops={"chmod"})
@policy.rule(tree / "secret", on={"content"})
def secret(change):
    "%s."
    return True
"""


@pytest.fixture
def place(tree):
    for name in ("watched", "outside"):
        with open("%s/%s/secret" % (tree, name), "w") as file:
            file.write("as it was\n")
    return tree


@pytest.fixture
def policy(place, tmp_path):
    tmp_path.chmod(0o700)
    path = str(tmp_path / "policy.py")
    write(path, place, "First")
    return path


def write(path, place, text):
    """The policy, at once."""
    with open(path + ".new", "w") as file:
        file.write(POLICY % (place + "/watched", place + "/outside", text))
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


def attacked(daemon, place, times):
    """What is told, when it has been attacked so often."""
    with open(place + "/watched/secret", "a") as file:
        file.write("once more\n")
    daemon.wait(lambda: len(daemon.records("alert")) >= times)
    return daemon.records("alert")[-1]


def loaded(daemon, times, state="loaded"):
    """Wait for policies to come into force."""
    daemon.wait(lambda: sum(record["state"] == state
                            for record in daemon.records("policy")) >= times)


def test_an_attack_is_in_the_journal(place, policy, tmp_path):
    with Daemon(tmp_path / "state", options=["-c", policy]) as daemon:
        loaded(daemon, 1)
        alert = attacked(daemon, place, 1)
        assert (alert["rule"], alert["policy"], alert["message"], alert["path"]) == (
            "secret", "daemon", "First.", place + "/watched/secret")
        evidence = [record for record in daemon.records("event")
                    if record["seq"] in alert["events"]]
        assert {record["path"] for record in evidence} == {alert["path"]}

        write(policy, place, "Second")
        daemon.process.send_signal(signal.SIGHUP)
        loaded(daemon, 2)
        assert attacked(daemon, place, 2)["message"] == "Second."
        with open(policy, "a") as file:
            file.write("policy = = 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        loaded(daemon, 1, "refused")
        assert attacked(daemon, place, 3)["message"] == "Second."

        assert daemon.fim("maintenance", "begin", "--for", "1h", "--reason", "CHG-1")[0] == 0
        daemon.wait(lambda: daemon.records("maintenance"))
        alert = attacked(daemon, place, 4)
        assert alert["held"] == "maintenance" and daemon.fim("maintenance", "end")[0] == 0
        daemon.wait(lambda: len(daemon.records("maintenance")) == 2)
        said = daemon.records("maintenance")[-1]
        assert (said["state"], said["held"], said["not_listed"]) == ("end", {"secret": 1}, 0)
        assert said["alerts"] == [{key: alert[key] for key in ("rule", "path", "events")}]

        os.chmod(place + "/outside/secret", 0o600)
        daemon.wait(lambda: any(line.startswith("left out in the kernel 1: ")
                                for line in daemon.fim("status")[1]))
        daemon.stop()
    daemon.check()
    assert not daemon.records("gap") and len(daemon.records("alert")) == 4
    assert not [record for record in daemon.records("event") if record["op"] == "chmod"]
    assert daemon.fim("verify")[0] == 0
