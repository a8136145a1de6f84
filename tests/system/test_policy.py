# SPDX-License-Identifier: GPL-2.0-only
"""A preset against attacks on a host's own files, by every way; and against a day without any.

They change /etc and install packages, so they run only with FIM_TEST_ATTACKS set, in a machine
that will be thrown away.
"""
import os
import signal
import subprocess
import sys
import time

import pytest

import attacks
from watcher import Watcher

POLICY = """
from fim.policy import Policy
from fim.presets import pci_dss
policy = Policy("host", extends=[pci_dss.policy])
"""
EACH_TIME = "for rule in policy.rules:\n    rule.once_ns = 0\n"
PATIENCE = 60.0   # for the evidence at the end of a transaction
QUIET_FOR = 8.0   # a new file waits a second for what belongs to it; judging takes time here
LOADS = int(os.environ.get("FIM_TEST_LOADS", 100))
MORE = """
@policy.rule(policy.watch(%r))
def newly(change):
    "In a directory that this policy alone names."
    return change.effect == "new"
"""
SPEC = """
Name: fim-rpm
Version: 1
Release: 1
Summary: x
License: x
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/etc/cron.d %{buildroot}/usr/sbin
echo "# packaged" > %{buildroot}/etc/cron.d/fim-rpm
echo packaged > %{buildroot}/usr/sbin/fim-rpm
%files
/etc/cron.d/fim-rpm
%attr(755, root, root) /usr/sbin/fim-rpm
"""
RPM = ["rpm", "--force-debian", "-U", "--force", "--nodeps"]


def amiss(records):
    """Those of them that must not be."""
    return [record for record in records if record["kind"] in ("error", "gap")]


class Host(Watcher):
    """`fim watch -c`, and the alerts that come."""

    def write_policy(self, more=EACH_TIME):
        with open(self.policy, "w") as file:
            file.write(POLICY + more)
        os.chmod(self.policy, 0o600)

    def launch(self, paths, options, form):
        self.policy = os.path.join(self.directory, "policy.py")
        self.write_policy()
        return super().launch(paths, ["-c", self.policy], form)

    def records(self, quiet=QUIET_FOR):
        """Until no alert, and nothing of what was done before, has come for so long."""
        found, end = self.settle(), time.monotonic() + quiet
        while time.monotonic() < end:
            for record in self.stream.read():
                found.append(record)
                if record["kind"] in ("alert", "transaction"):
                    end = time.monotonic() + quiet
            self.alive()
            time.sleep(0.05)
        assert not amiss(found), amiss(found)
        return found

    def alerts(self, quiet=QUIET_FOR):
        """Those of them."""
        return [record for record in self.records(quiet) if record["kind"] == "alert"]


@pytest.fixture(scope="module")
def host(base, tmp_path_factory):
    attacks.prepare()
    attacks.keep()
    path = tmp_path_factory.mktemp("policy")
    try:
        with Host(path, [attacks.MARKS]) as watcher:
            yield watcher.wait_ready()
    finally:
        attacks.undo()


def summary(alerts):
    return ["%(rule)s: %(effect)s of %(path)s by %(process)s" % dict(
        alert, process=(alert.get("process") or {}).get("exe")) for alert in alerts]


def told(host, acts):
    """{mark: {(rule, path)}} of the alerts on these acts [(mark, function)], and those undone."""
    undone = []
    for text, act in acts:
        attacks.mark(text)
        undone += [] if act() else [text]
    attacks.mark("end")
    marks, alerts = {}, []
    for record in host.records():
        if record.get("op") == "rmdir" and record["path"].startswith(attacks.MARKS):
            marks[record["seq"]] = os.path.basename(record["path"])
        alerts += [record] if record["kind"] == "alert" else []
    assert len(marks) == len(acts) + 1
    found = {name: [] for name in marks.values()}
    for alert in alerts:
        found[marks[max(seq for seq in marks if seq < alert["events"][-1])]].append(alert)
    return found, undone


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
    found, undone = told(host, [(name, lambda name=name: attacks.attack(name, way))
                                for name in names])
    assert (undone, missed(found, {name: attacks.ATTACKS[name] for name in names})) == ([], {})


def test_attacks_by_a_hard_link(host):
    attacks.restore()
    host.records()
    found, undone = told(host, [(name, lambda name=name: attacks.attack_link(name))
                                for name in attacks.LINKED])
    assert (undone, missed(found, {name: attacks.ATTACKS[name] for name in attacks.LINKED})) == (
        [], {})


def test_a_day(host):
    attacks.restore()
    host.records()
    for command in attacks.DAY:
        attacks.shell(command)
    alerts = host.alerts()
    assert len(alerts) <= 3, summary(alerts)


def package(directory, planted):
    """A Debian package with a job and a program, whose script may plant another."""
    root = str(directory / "root")
    for path, text, mode in (("etc/cron.d/fim-deb", "# packaged\n", 0o644),
                             ("usr/sbin/fim-deb", "packaged\n", 0o755),
                             ("DEBIAN/control", "Package: fim-deb\nVersion: 1\nArchitecture: all\n"
                              "Maintainer: x <x@x>\nDescription: x\n", 0o644),
                             ("DEBIAN/postinst", "#!/bin/sh\n" + planted, 0o755)):
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.write(text)
        os.chmod(place, mode)
    subprocess.check_call("md5sum etc/cron.d/* usr/sbin/* > DEBIAN/md5sums", shell=True, cwd=root)
    subprocess.check_call(["dpkg-deb", "-b", root, str(directory / "x.deb")])
    return ["dpkg", "-i", str(directory / "x.deb")]


def spec(directory, planted):
    """The same as an RPM, installed by a Python process."""
    path = str(directory / "x.spec")
    with open("/root/.rpmmacros", "w") as file:
        file.write("%%_dbpath /var/lib/rpm\n%%_topdir %s\n" % directory)
    with open(path, "w") as file:
        file.write(SPEC + ("%post\n" + planted if planted else ""))
    subprocess.check_call(["rpmbuild", "-bb", "--quiet", path])
    built = str(directory / "RPMS" / "noarch" / "fim-rpm-1-1.noarch.rpm")
    return [sys.executable, "-c", "import subprocess, sys; subprocess.check_call(sys.argv[1:])",
            *RPM, built]


TOOLS = {"dpkg": package, "rpm": spec}


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("planted", ["", "echo bad > /usr/sbin/fim-planted\n"],
                         ids=["clean", "planted"])
def test_package_transaction(host, tmp_path, tool, planted):
    command = TOOLS[tool](tmp_path, planted)
    attacks.shell("rm -f /usr/sbin/fim-planted")
    host.alerts()
    subprocess.check_call(command)
    records = host.records(QUIET_FOR + 5)  # it is over for so long before files are looked at
    transactions = [record for record in records if record["kind"] == "transaction"]
    alerts = [record for record in records if record["kind"] == "alert"]
    assert len(transactions) == 1 and transactions[0]["verified"] == 2, (transactions, summary(alerts))
    assert transactions[0]["packages"] == ["fim-deb" if tool == "dpkg" else "fim-rpm"]
    assert [alert["path"] for alert in alerts] == (
        ["/usr/sbin/fim-planted"] if planted else []), summary(alerts)


def make_files(directory, made):
    """A few more jobs, as fast as the machine goes."""
    for _ in range(5):
        made.append("%s/fim-%d" % (directory, len(made)))
        with open(made[-1], "w") as file:
            file.write("# x\n")
    time.sleep(0.05)


def loads_in(records):
    """How many policies came into force."""
    return sum(record["kind"] == "policy" and record["state"] == "loaded" for record in records)


def told_of(records, rule):
    """The paths that a rule told of, sorted."""
    return sorted(record["path"] for record in records
                  if record["kind"] == "alert" and record["rule"] == rule)


def test_loaded_again_under_load(host):
    """Every change is told once, whichever policy was in force; what a policy names newly is
    watched when it is in force."""
    attacks.restore()
    host.records()
    made, fresh, records = [], [], []
    for number in range(LOADS):
        place = "%s/policy-loads-%d" % (attacks.DISK, number)
        os.mkdir(place)
        host.write_policy(EACH_TIME + MORE % place)
        host.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while loads_in(records) <= number:
            assert time.monotonic() < end, "policy %d is not loaded" % number
            make_files("/etc/cron.d", made)
            records += list(host.stream.read())
        assert not amiss(records), amiss(records)
        fresh.append(place + "/new")
        open(fresh[-1], "w").close()
    records += host.records()
    assert loads_in(records) == LOADS and len(made) >= 5 * LOADS
    assert told_of(records, "scheduled_jobs") == sorted(made)
    assert told_of(records, "newly") == sorted(fresh)
    print("%d loads, %d changes" % (LOADS, len(made)))
    for path in made:
        os.unlink(path)
