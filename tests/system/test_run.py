# SPDX-License-Identifier: GPL-2.0-only
"""`fim run`: the journal of a daemon, beside whatever happens to its files and to itself."""
import os
import shutil
import subprocess
import time

import pytest

from daemon import Daemon, create, seconds
from workload import TIMES

WELL, DEGRADED = 0, 1
REST = 8  # seconds


@pytest.fixture
def place(tree):
    """A directory to watch, and one beside it."""
    return tree + "/watched", tree + "/outside"


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
    os.chmod(work + "/f1000", 0o600)
    create(work, 3000, 1)
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
    told = daemon.made(work) | {record["path"] for record in again.records("reconcile")}
    assert {entry.path for entry in os.scandir(work)} <= told
    assert {work + "/f1000", work + "/f3000"} <= {record["path"] for record in again.records("reconcile")}
    down_time(state, watched, work)


def down_time(state, watched, work):
    """Stopped, and started again: what happened in between, and nothing else."""
    with open(work + "/changed", "w") as file:
        file.write("before")
    with Daemon(state, watched) as daemon:
        before = len(daemon.records())
        with open(work + "/changed", "w") as file:
            file.write("while it runs")
        daemon.wait(lambda: any(record["path"] == work + "/changed"
                                for record in daemon.records("content")))
        daemon.stop()
    os.chmod(work + "/f1001", 0o600)
    os.rename(work + "/f1002", work + "/other")
    with open(work + "/changed", "a") as file:
        file.write(" and after")
    with Daemon(state, watched) as daemon:
        daemon.stop()
    records = daemon.records()[before:]
    at = max(number for number, record in enumerate(records) if record["kind"] == "start")
    found = [record for record in records[at:] if record["kind"] == "reconcile"]
    blind, = [record for record in records[at:] if record["kind"] == "blind"]
    closed, = [record for record in records[at:] if record["kind"] == "gap_closed"]
    states = {(os.path.relpath(record["path"], work), record["state"]) for record in found}
    assert states - {("other", "changed")} == {
        (".", "changed"), ("f1001", "changed"), ("f1002", "missing"), ("other", "new"),
        ("changed", "changed"), ("../state.ready", "missing")}
    assert closed["gap"] == blind["seq"] and {record["gap"] for record in found} == {blind["seq"]}
    content = [record for record in records[:at] if record["kind"] == "content"][-1]  # truncated, closed
    assert content["hash_state"] == "stable" and content["file"]["size"] == len("while it runs")
    daemon.check()


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
    ours = [record["path"] for record in daemon.records("event")
            if record["process"]["pid"] == daemon.process.pid]
    assert ours == []  # nor in the journal's new directory
    assert daemon.fim("verify")[0] == 0
    daemon.check()
