# SPDX-License-Identifier: GPL-2.0-only
"""The Debian package, in a machine that systemd has booted and that has no network: installed,
run, upgraded and downgraded under load, removed. The acts of one life, in order.

make test-installed; FIM_TEST_INSTALLED=1 in such a machine."""
import glob
import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from watcher import ROOT, validator

WATCHED, STATE = "/mnt/ext4/watched", "/var/lib/fim"
PACKAGE, PROGRAMS = "fim-monitor", "/usr/lib/python3/dist-packages/fim/bpf_c"
PAUSE = 0.05  # between two files of the load
UNIT = "/lib/systemd/system/fim.service"


def run(*command):
    """What it says; it must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/")
    said = done.stdout.decode(errors="replace")
    print("$ %s: %d\n%s" % (" ".join(command), done.returncode, said[-2000:]))
    assert done.returncode == 0, said
    return said


def prop(name, unit="fim.service"):
    return run("systemctl", "show", "-p", name, unit).strip().partition("=")[2]


class Load(threading.Thread):
    """Makes files, one after the other, until it is stopped."""

    def __init__(self):
        super().__init__(daemon=True)
        self.made, self.ending = [], threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(PAUSE):
            path = "%s/f%05d" % (WATCHED, len(self.made))
            with open(path, "w") as file:
                file.write("x")
            self.made.append(path)

    def stop(self):
        self.ending.set()
        self.join()


def records(*kinds):
    """Of the journal of the service, by the installed library; each is by the schema."""
    script = ("import fim, sys, json\nfor r in fim.read('%s/journal'): print(json.dumps(r.as_dict()))"
              % STATE)
    found = [json.loads(line) for line in run(sys.executable, "-c", script).splitlines()]
    for record in found:
        complaint = next(validator().iter_errors(record), None)
        assert complaint is None, (complaint.message, record)
    return [record for record in found if record["kind"] in kinds]


def wait_for(question, seconds=120):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(1)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The package of this tree, and the same as a later version."""
    found = glob.glob(os.path.join(ROOT, "build", "fim-monitor_*.deb"))
    assert found, "no package in build: make deb"
    tree = str(tmp_path_factory.mktemp("later"))
    run("dpkg-deb", "-R", found[0], tree + "/p")
    with open(tree + "/p/DEBIAN/control") as file:
        control = re.sub("(?m)^Version: .*", "Version: 99", file.read())
    with open(tree + "/p/DEBIAN/control", "w") as file:
        file.write(control)
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree + "/p", tree + "/later.deb")
    return found[0], tree + "/later.deb"


def test_no_network():
    assert os.listdir("/sys/class/net") == ["lo"]
    assert os.readlink("/proc/1/exe").endswith("/systemd")


def test_no_compiler():
    """From here on nothing can be built: none of gcc, clang, make and pip works any more."""
    hidden = run("sh", os.path.join(ROOT, "tests", "unit", "without_compiler.sh")).split()
    assert [path for path in hidden if "gcc" in os.path.basename(path)], hidden


def test_installed(packages):
    """Nothing runs yet; every file is the package's, and the kernel programs are root's alone."""
    os.makedirs(WATCHED)
    run("dpkg", "-i", packages[0])
    assert run("dpkg", "-V", PACKAGE) == ""
    run("sh", "-c", "cd %s && sha256sum --quiet -c SHA256SUMS" % PROGRAMS)
    assert run("find", PROGRAMS, "-not", "-user", "root", "-o", "-perm", "/022") == ""
    assert prop("ActiveState") == "inactive"


def test_doctor_as_the_unit():
    """`fim doctor` with everything that the unit allows and forbids."""
    with open(UNIT) as file:
        text = re.sub("(?m)^ExecStart=.*", "ExecStart=/usr/bin/fim doctor", file.read())
    text = re.sub("(?m)^(Type|NotifyAccess|WatchdogSec|Restart)=.*", "", text)
    with open("/run/systemd/system/fim-doctor.service", "w") as file:
        file.write(text.replace("[Service]", "[Service]\nType=oneshot\nSuccessExitStatus=1\n"
                                "StandardOutput=file:/run/doctor\nStandardError=file:/run/doctor"))
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", "fim-doctor.service")
    finally:
        with open("/run/doctor") as said:
            print(said.read())
    assert prop("ExecMainStatus", "fim-doctor.service") in ("0", "1")


def test_life_under_load(packages):
    """Started, upgraded, downgraded: every file made is told, or found in the comparison
    after the one blind period, which is closed."""
    run("fim", "init", WATCHED)
    with open("/etc/fim/environment", "w") as file:
        file.write('FIM_OPTIONS="%s --heartbeat 1"\n' % WATCHED)
    run("systemctl", "start", "fim.service")
    assert prop("ActiveState") == "active" and prop("StatusText") == "watching"
    load = Load()
    try:
        for number, package in enumerate(reversed(packages)):
            wait_for(lambda: len(load.made) > 100 * (number + 1))
            run("dpkg", "--force-confold", "-i", package)
            assert prop("StatusText") == "watching"
            time.sleep(5)
    finally:
        load.stop()
    wait_for(lambda: len(records("check")) >= 2)
    assert prop("NRestarts") == "0"
    assert [(record["kind"], record["reason"]) for record in records("start", "stop")] == [
        ("start", None), ("stop", "upgrade"), ("start", "upgrade"), ("stop", "upgrade"),
        ("start", "upgrade")]
    blind = records("blind")
    assert [record["reason"] for record in blind] == ["fim was not running"] * 2
    assert all(record["since"] < record["until"] for record in blind)
    assert {(record["stream"], record["seq"]) for record in blind} <= {
        (record["stream"], record["gap"]) for record in records("gap_closed")}
    assert records("gap") == []
    told = {record["path"] for record in records("event") if record["op"] == "create"}
    found = {record["path"] for record in records("finding", "reconcile")
             if record["state"] == "new"}
    missing = set(load.made) - told - found
    print("%d files made, %d told as they were, %d more found by the comparisons, %d missing"
          % (len(load.made), len(told), len(found - told), len(missing)))
    assert missing == set() and len(told) > 100


def probes():
    with open("/sys/kernel/debug/kprobes/list") as lines:
        return lines.readlines()


def test_removed():
    """No probe, no file but the state, which names why it stopped."""
    assert probes()
    names = run("dpkg", "-L", PACKAGE).splitlines()
    run("dpkg", "-r", PACKAGE)
    assert probes() == []
    left = [name for name in names if not os.path.isdir(name) and os.path.lexists(name)]
    assert left == ["/etc/fim/environment"]  # what was configured
    assert not os.path.exists("/usr/lib/python3/dist-packages/fim")
    assert not os.path.exists("/run/fim") and not glob.glob("/run/fim-monitor*")
    assert prop("LoadState") == "not-found"
    with open(sorted(glob.glob(STATE + "/journal/*.jsonl"))[-1]) as lines:
        last = [json.loads(line) for line in lines][-2]
    assert (last["kind"], last["reason"]) == ("stop", "uninstall")
    run("dpkg", "-P", PACKAGE)
    assert not os.path.exists(STATE) and not os.path.exists("/etc/fim/environment")
