# SPDX-License-Identifier: GPL-2.0-only
"""`fim run`: the journal of a daemon, beside whatever happens to its files and to itself."""
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from watcher import PATIENCE, PAUSE, ROOT, START_PATIENCE, validator
from workload import TIMES

WELL, DEGRADED = 0, 1
REST = 8  # seconds


class Daemon:
    """A `fim run`, and its journal."""

    schema = validator()

    def __init__(self, state, *paths, options=()):
        self.state = str(state)
        self.paths = [str(path) for path in paths]
        self.options = list(options)
        self.ready = self.state + ".ready"
        self.errors = self.state + ".errors"
        self.process = None

    def __enter__(self):
        command = [sys.executable, "-m", "fim", "run", "--state", self.state, "--heartbeat", "1",
                   "--ready-file", self.ready] + self.options + self.paths
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=errors)
        self.wait(lambda: os.path.exists(self.ready), START_PATIENCE)
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait(self, question, patience=PATIENCE):
        """Until the answer is true."""
        end = time.monotonic() + patience
        while not question():
            with open(self.errors) as said:
                assert self.process.poll() is None, said.read()
                assert time.monotonic() < end, said.read()
            time.sleep(PAUSE)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        os.unlink(self.ready)

    def lines(self):
        """Every whole line of the journal."""
        path = self.state + "/journal"
        for name in sorted(os.listdir(path)):
            if name.endswith(".new"):
                continue
            with (gzip.open if name.endswith(".gz") else open)(os.path.join(path, name), "rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield line

    def records(self, *kinds):
        """Those of these kinds, of all if none is named."""
        found = [json.loads(line.decode()) for line in self.lines()]
        return [record for record in found if not kinds or record["kind"] in kinds]

    def made(self, directory):
        """The names in this directory whose creation is in the journal."""
        return {record["path"] for record in self.records("event")
                if record["op"] == "create" and os.path.dirname(record["path"]) == str(directory)}

    def told(self, directory, count):
        """Wait until so many are."""
        self.wait(lambda: len(self.made(directory)) >= count)

    def check(self):
        """Every line is by the schema, and the numbers of each stream have no holes."""
        streams = {}
        for record in self.records():
            complaint = next(self.schema.iter_errors(record), None)
            assert complaint is None, "%s in %s" % (complaint.message, record)
            if record["kind"] not in ("chain", "segment"):
                assert record["seq"] == streams.get(record["stream"], 0) + 1
                streams[record["stream"]] = record["seq"]
        return streams

    def fim(self, verb, *arguments):
        """(exit status, lines)"""
        done = subprocess.run([sys.executable, "-m", "fim", verb, "--state", self.state]
                              + list(arguments), cwd=ROOT, stdout=subprocess.PIPE)
        return done.returncode, done.stdout.decode().splitlines()


@pytest.fixture
def place(tree):
    """A directory to watch, and one beside it."""
    return tree + "/watched", tree + "/outside"


def create(directory, first, count):
    for number in range(first, first + count):
        os.close(os.open("%s/f%d" % (directory, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def seconds(process):
    """CPU time of a process."""
    with open("/proc/%d/stat" % process.pid) as file:
        members = file.read().rpartition(")")[2].split()
    return (int(members[11]) + int(members[12])) / os.sysconf("SC_CLK_TCK")


def test_the_state_within_what_is_watched(place, workloads):
    """No loop, and what others do there is told. Then kill -9 under load, and a second start."""
    watched, _ = place
    state, work = watched + "/state", watched + "/work"
    os.mkdir(work)
    with Daemon(state, watched) as daemon:
        workloads.run("create", work)
        daemon.told(work, TIMES)
        links = [link for link in daemon.records("chain") if link["first"] is not None]
        assert links and all(link["last"] - link["first"] + 1 == link["records"] for link in links)
        code, lines = daemon.fim("log", "--op", "create", "--path", work, "--since", "1h",
                                 "--format", "json")
        assert code == 0 and len(lines) == TIMES
        assert daemon.fim("status")[0] in (WELL, DEGRADED)

        before, spent = len(daemon.records()), seconds(daemon.process)
        time.sleep(REST)
        kinds = {record["kind"] for record in daemon.records()[before:]}
        assert {"heartbeat"} <= kinds <= {"heartbeat", "chain"}
        print("at rest: %.1f %% of a CPU" % (100 * (seconds(daemon.process) - spent) / REST))
        counts = daemon.records("heartbeat")[-1]["counts"]
        assert counts["self"] > 0 and counts["lost"] == 0

        create(state + "/journal", 0, 1)  # somebody else
        daemon.told(state + "/journal", 1)
        os.unlink(state + "/journal/f0")
        with open(state + "/status.json", "a") as file:
            file.write(" ")
        daemon.wait(lambda: any(record["op"] == "modify" and record["process"]["pid"] == os.getpid()
                                for record in daemon.records("event")))

        create(work, 1000, 300)
        daemon.kill()
    last = daemon.records("chain")[-1]["time"]
    assert daemon.fim("status")[0] == 3
    assert daemon.fim("verify")[0] in (0, 2)
    with Daemon(state, watched) as again:
        create(work, 2000, 5)
        again.told(work, TIMES + 5)
        blind = again.records("blind")
        again.stop()
    assert [record["reason"] for record in blind] == ["fim was not running"]
    assert blind[0]["since"] == last < blind[0]["until"]
    assert len(again.check()) == 2
    assert again.fim("verify") == (0, again.fim("verify")[1])
    assert again.records()[-2]["kind"] == "stop"


@pytest.fixture
def elsewhere(base, tree, request):
    """A state directory on another file system than what is watched."""
    kind = next(kind for kind in ("xfs", "btrfs", "tmpfs") if kind in base)
    path = os.path.join(base[kind], "outside", "state-" + request.node.name)
    yield kind, path
    subprocess.run(["fsfreeze", "-u", base[kind]], stderr=subprocess.DEVNULL)


def test_what_happens_to_the_journal(place, elsewhere, base):
    """A file system that stands still, files taken away, many segments."""
    watched, _ = place
    kind, state = elsewhere
    count = 500
    with Daemon(state, watched, options=["--segment-mib", "0.2"]) as daemon:
        if kind != "tmpfs":
            subprocess.run(["fsfreeze", "-f", os.path.dirname(base[kind])], check=True)
            create(watched, 0, count)
            time.sleep(REST)
            assert daemon.process.poll() is None and not daemon.made(watched)
            subprocess.run(["fsfreeze", "-u", os.path.dirname(base[kind])], check=True)
        else:
            create(watched, 0, count)
        daemon.told(watched, count)
        daemon.wait(lambda: any(name.endswith(".gz") for name in os.listdir(state + "/journal")))
        code, lines = daemon.fim("log", "--op", "create", "--path", watched + "/*", "--format", "json")
        assert code == 0 and len(lines) == count
        assert not daemon.records("gap", "error")

        segments = daemon.records("heartbeat")[-1]["head"]["segment"]
        shutil.move(state + "/journal", state + ".away")
        create(watched, count, 10)
        daemon.wait(lambda: os.path.isdir(state + "/journal") and daemon.records("error"))
        daemon.stop()
    assert daemon.records("segment")[0]["segment"] > segments
    assert daemon.fim("verify")[0] & 1  # what was moved away is missing
    for name in os.listdir(state + ".away"):
        shutil.move(os.path.join(state + ".away", name), state + "/journal")
    assert len(daemon.made(watched)) == count + 10
    assert daemon.fim("verify")[0] == 0
    daemon.check()
