# SPDX-License-Identifier: GPL-2.0-only
"""A preset against attacks on a host's own files, by every way; and against a day without any.

They change /etc and install packages, so they run only with FIM_TEST_ATTACKS set, in a machine
that will be thrown away: make test-policy.
"""
import os
import signal
import subprocess
import time

import pytest

import attacks
from packaged import TOOLS
from policed import QUIET_FOR, Policed, amiss, of_kind, summary, told_of
from watcher import PATIENCE

POLICY = """
from fim.policy import Policy
from fim.presets import pci_dss
policy = Policy("host", extends=[pci_dss.policy])
for rule in policy.rules:
    rule.once_ns = 0
"""
EVIDENCE = QUIET_FOR + 5  # a transaction is over for so long before files are looked at
UNTOLD = 200  # files that are made and not told yet
VERIFIED_BY = 300.0  # seconds that a package database may take here
LOADS = int(os.environ.get("FIM_TEST_LOADS", 100))
MORE = """
@policy.rule(policy.watch(%r))
def newly(change):
    "In a directory that this policy alone names."
    return change.effect == "new"
"""


@pytest.fixture(scope="module")
def host(base, tmp_path_factory):
    attacks.prepare()
    attacks.keep()
    path = tmp_path_factory.mktemp("policy")
    try:
        with Policed(path, [attacks.MARKS], {"host": POLICY}) as watcher:
            yield watcher.wait_ready()
    finally:
        attacks.undo()


def missed(found, wanted):
    """{act: what was told} where it is not what was `wanted` {act: Attack}."""
    return {name: summary(found[name.replace(" ", "-")]) for name, attack in wanted.items()
            if (attack.rule, attack.path) not in {
                (alert["rule"], alert["path"]) for alert in found[name.replace(" ", "-")]}}


@pytest.mark.parametrize("way", sorted(attacks.WAYS))
def test_attacks(host, way):
    attacks.restore()
    host.records()
    names = [name for name in attacks.ATTACKS
             if way == "directly" or name not in attacks.ONLY_DIRECTLY]
    found, undone = host.told([(name, lambda name=name: attacks.attack(name, way))
                               for name in names])
    assert (undone, missed(found, {name: attacks.ATTACKS[name] for name in names})) == ([], {})


def test_attacks_by_a_hard_link(host):
    attacks.restore()
    host.records()
    found, undone = host.told([(name, lambda name=name: attacks.attack_link(name))
                               for name in attacks.LINKED])
    assert (undone, missed(found, {name: attacks.ATTACKS[name] for name in attacks.LINKED})) == (
        [], {})


def test_a_day(host):
    attacks.restore()
    host.records()
    undone = [command for command in attacks.DAY if attacks.shell(command).returncode]
    records = host.records(EVIDENCE)
    alerts = of_kind(records, "alert")
    print("a day: %s" % summary(alerts))
    # A file made and removed within a second is one alert; emulated, it may take longer.
    told = {(alert["rule"], alert["path"]) for alert in alerts}
    assert undone == [] and len(told) <= 3, summary(alerts)
    assert "fim-site" in [name for record in of_kind(records, "transaction")
                          for name in record["packages"]]


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("planted", ["", "echo bad > /usr/sbin/fim-planted\n"],
                         ids=["clean", "planted"])
def test_package_transaction(host, tmp_path, tool, planted):
    build, install, package, program = TOOLS[tool]
    command = install + [build(str(tmp_path), planted)]
    attacks.shell("rm -f /usr/sbin/fim-planted")
    host.records()
    subprocess.check_call(command)
    records = host.records(0)
    host.waited(records, lambda found: of_kind(found, "transaction"), VERIFIED_BY)
    records += host.records()
    transactions, alerts = of_kind(records, "transaction"), of_kind(records, "alert")
    assert [(record["packages"], record["verified"]) for record in transactions] == [
        ([package], 2)], (transactions, summary(alerts))
    assert [alert["path"] for alert in alerts] == (
        ["/usr/sbin/fim-planted"] if planted else []), summary(alerts)
    assert {record["process"]["exe"] for record in records if record.get("op") == "modify"
            and record["path"].startswith("/usr/sbin/" + package)} == {program}


def make_files(directory, made, told):
    """A few more jobs; no faster than they are judged, where the machine is emulated."""
    for _ in range(5 if len(made) - told < UNTOLD else 0):
        made.append("%s/fim-%d" % (directory, len(made)))
        with open(made[-1], "w") as file:
            file.write("# x\n")
    time.sleep(0.05)


def loads_in(records):
    """How many policies came into force."""
    return sum(record["state"] == "loaded" for record in of_kind(records, "policy"))


def test_loaded_again_under_load(host):
    """Every change is told once, whichever policy was in force; what a policy names newly is
    watched when it is in force."""
    attacks.restore()
    host.records()
    made, fresh, records = [], [], []
    for number in range(LOADS):
        place = "%s/policy-loads-%d" % (attacks.DISK, number)
        os.mkdir(place)
        host.write("host", POLICY + MORE % place)
        host.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while loads_in(records) <= number:
            assert time.monotonic() < end, "policy %d is not loaded" % number
            make_files("/etc/cron.d", made, len(told_of(records, "scheduled_jobs")))
            records += host.stream.read()
        assert not amiss(records), amiss(records)
        fresh.append(place + "/new")
        open(fresh[-1], "w").close()
    records += host.records()
    assert loads_in(records) == LOADS and len(made) >= LOADS
    assert told_of(records, "scheduled_jobs") == sorted(made)
    assert told_of(records, "newly") == sorted(fresh)
    print("%d loads, %d changes" % (LOADS, len(made)))
    for path in made:
        os.unlink(path)
