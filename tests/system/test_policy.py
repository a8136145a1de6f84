# SPDX-License-Identifier: GPL-2.0-only
"""A preset against attacks on a host's own files, by every way; and against a day without any.

They change /etc and install packages, so they run only with FIM_TEST_ATTACKS set, in a machine
that will be thrown away.
"""
import os
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
marks = policy.watch(%r)
"""
EACH_TIME = "for rule in policy.rules:\n    rule.once_ns = 0\n"
PATIENCE = 20.0   # for an alert: a new file waits a second, evidence for the end of a transaction
QUIET_FOR = 5.0   # and after that nothing more comes
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
RPM = ["rpm", "--force-debian", "-U", "--force"]


class Host(Watcher):
    """`fim watch -c`, and the alerts that come."""

    def write_policy(self, more=EACH_TIME):
        with open(self.policy, "w") as file:
            file.write(POLICY % self.marks + more)
        os.chmod(self.policy, 0o600)

    def launch(self, paths, options, form):
        self.policy = os.path.join(self.directory, "policy.py")
        self.write_policy()
        return super().launch(paths, ["-c", self.policy], form)

    def alerts(self, quiet=QUIET_FOR, enough=None):
        """Until none has come for so long, or `enough` is there."""
        found, end = [], time.monotonic() + (PATIENCE if enough else quiet)
        while time.monotonic() < end and not (enough and any(map(enough, found))):
            for record in self.stream.read():
                assert record["kind"] not in ("error", "gap"), record
                if record["kind"] == "alert":
                    found.append(record)
                    end = max(end, time.monotonic() + quiet)
            self.alive()
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def host(base, tmp_path_factory):
    attacks.prepare()
    attacks.keep()
    path = tmp_path_factory.mktemp("policy")
    try:
        with Host(path, []) as watcher:
            yield watcher.wait_ready()
    finally:
        attacks.undo()


def summary(alerts):
    return ["%(rule)s: %(effect)s of %(path)s by %(process)s" % dict(
        alert, process=(alert.get("process") or {}).get("exe")) for alert in alerts]


def missed(host, name, done):
    """Why an attack is not told as it should be, or None."""
    wanted = attacks.ATTACKS[name]
    if not done:
        return "%s: not done" % name
    alerts = host.alerts(enough=lambda alert: (alert["rule"], alert["path"])
                         == (wanted.rule, wanted.path))
    found = [alert for alert in alerts
             if (alert["rule"], alert["path"]) == (wanted.rule, wanted.path)]
    return None if found else "%s: %s" % (name, summary(alerts))


@pytest.mark.parametrize("way", sorted(attacks.WAYS))
def test_attacks(host, way):
    attacks.restore()
    host.alerts()
    found = [missed(host, name, attacks.attack(name, way)) for name in attacks.ATTACKS
             if way == "directly" or name not in attacks.ONLY_DIRECTLY]
    assert [miss for miss in found if miss] == []


def test_attacks_by_a_hard_link(host):
    attacks.restore()
    host.alerts()
    found = [missed(host, name, attacks.attack_link(name)) for name in attacks.LINKED]
    assert [miss for miss in found if miss] == []


def test_a_day(host):
    attacks.restore()
    host.alerts()
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
    records = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not [r for r in records if r["kind"] == "transaction"]:
        records += list(host.stream.read())
        time.sleep(0.1)
    transactions = [record for record in records if record["kind"] == "transaction"]
    alerts = [record for record in records if record["kind"] == "alert"] + host.alerts()
    assert len(transactions) == 1 and transactions[0]["verified"] == 2, (records, summary(alerts))
    assert transactions[0]["packages"] == ["fim-deb" if tool == "dpkg" else "fim-rpm"]
    assert {alert["path"] for alert in alerts} == (
        {"/usr/sbin/fim-planted"} if planted else set()), summary(alerts)


def test_loaded_again_under_load(host):
    """Every change is told once, whichever policy was in force."""
    attacks.restore()
    host.alerts()
    made, loads = [], 0
    records = []
    for number in range(20):
        host.write_policy(EACH_TIME + "# %d\n" % number)
        host.process.send_signal(1)
        for _ in range(10):
            made.append("/etc/cron.d/fim-%d" % len(made))
            with open(made[-1], "w") as file:
                file.write("# x\n")
            time.sleep(0.02)
        records += list(host.stream.read())
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        records += list(host.stream.read())
        loads = sum(record["kind"] == "policy" for record in records)
        time.sleep(0.1)
    told = [record["path"] for record in records
            if record["kind"] == "alert" and record["rule"] == "scheduled_jobs"]
    assert sorted(told) == sorted(made) and loads > 3
    assert not [record for record in records if record["kind"] in ("gap", "error")]
    for path in made:
        os.unlink(path)
