# SPDX-License-Identifier: GPL-2.0-only
"""The Debian package of this tree (`make deb`): installed, run with sinks, removed."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from watcher import ROOT, START_PATIENCE

SECRET = "hunter2"
MESSAGE = re.compile(rb'<\d+>1 \S+ \S+ fim \d+ \w+ \[fim@32473 number="(\d+)"\] (.*)$', re.S)
PACKAGE = "fim-monitor"


@pytest.fixture(scope="module")
def installed():
    """The package, for as long as these tests run; its files."""
    found = glob.glob(os.path.join(ROOT, "build", "fim-monitor_*.deb"))
    assert found, "no package in build: make deb"
    subprocess.check_call(["dpkg", "-i", found[0]], stdout=subprocess.DEVNULL)
    yield subprocess.check_output(["dpkg", "-L", PACKAGE]).decode().split("\n")[:-1]
    if subprocess.call(["dpkg", "-s", PACKAGE], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL) == 0:
        subprocess.check_call(["dpkg", "-r", PACKAGE], stdout=subprocess.DEVNULL)


class Collector(threading.Thread):
    """A local syslog socket; what came, as (number, record)."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.messages = []
        self.start()

    def run(self):
        while True:
            found = MESSAGE.match(self.socket.recv(1 << 20))
            self.messages.append((int(found.group(1)), json.loads(found.group(2).decode())))


def wait_for(condition, process, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, process.poll()
        time.sleep(0.1)


def test_doctor(installed):
    done = subprocess.run(["/usr/bin/fim", "doctor", "--format", "json"], cwd="/", env={},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode in (0, 1), done.stdout + done.stderr


def test_sinks(installed, tmp_path):
    """Each has every record, numbered; no secret is in them, nor what the spool itself writes."""
    watched = tmp_path / "watched"
    watched.mkdir()
    place, spool = str(watched), str(watched / "spool")
    collector = Collector(str(tmp_path / "log"))
    ready, ecs, out = (str(tmp_path / name) for name in ("ready", "ecs", "out"))
    process = subprocess.Popen(
        ["/usr/bin/fim", "watch", "--sink", "syslog:unix://%s/log" % tmp_path,
         "--sink", "file://%s?format=ecs" % ecs, "--spool", spool, "--output", out,
         "--ready-file", ready, place], cwd="/", env={})
    wait_for(lambda: os.path.exists(ready), process, START_PATIENCE)
    subprocess.check_call(["python3", "-c", "import sys; open(sys.argv[2], 'w').write('x')",
                           "--password=" + SECRET, place + "/a\x1b[2J\n<1>1 - \xff"])
    wait_for(lambda: any(record.get("op") == "close" for _, record in collector.messages),
             process, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with open(out, "rb") as file:
        raw = file.read()
    lines = [json.loads(line.decode()) for line in raw.splitlines()]
    assert [record for _, record in collector.messages] == lines
    assert [number for number, _ in collector.messages] == list(range(1, len(lines) + 1))
    with open(ecs, "rb") as file:
        documents = [json.loads(line.decode()) for line in file]
    assert [document["event"]["sequence"] for document in documents] == [
        record["seq"] for record in lines]
    created = next(record for record in lines if record.get("op") == "create")
    assert created["path"].startswith(place + "/a\x1b[2J\n<1>1 - ")
    assert "--password=***" in created["process"]["args"]
    assert SECRET.encode() not in raw
    events = [record for record in lines if record["kind"] == "event"]
    assert events and not [record for record in events if record["path"].startswith(spool)]


def test_removal(installed):
    """Nothing is left but the state, and no probe."""
    subprocess.check_call(["dpkg", "-P", PACKAGE], stdout=subprocess.DEVNULL)
    left = [name for name in installed if not os.path.isdir(name) and os.path.lexists(name)]
    assert left == []
    assert not os.path.exists("/usr/lib/python3/dist-packages/fim")
    with open("/sys/kernel/debug/kprobes/list") as lines:
        assert [line for line in lines if "security_inode_" in line] == []
