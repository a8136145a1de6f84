# SPDX-License-Identifier: GPL-2.0-only
"""A disk that is full or read-only, an output that nobody reads: monitoring goes on, memory is
bounded, and what the journal lacks is told once it can be.

FIM_TEST_BLOCKED   seconds for which the output is not read (10)
"""
import contextlib
import json
import os
import subprocess
import threading
import time

import pytest

from daemon import Daemon, create, resident
from mounts import umount
from test_dark import settled, status

SECONDS = float(os.environ.get("FIM_TEST_BLOCKED", "10"))
FILES = 400
MORE_KIB = 48 << 10  # the queues before the journal and before the sinks have 32 MiB each
DEGRADED, TORN = 1, 2
DETACHED = 2  # MNT_DETACH


@contextlib.contextmanager
def mounted(point, *arguments):
    """A small file system of its own for the state."""
    os.makedirs(point, exist_ok=True)
    subprocess.run(["mount"] + list(arguments) + [point], check=True)
    os.chmod(point, 0o700)
    try:
        yield
    finally:
        umount(point, DETACHED)


def until_full(path):
    """A file takes all the room that there is."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def made_and_bounded(daemon, directory, first):
    """Work goes on for a while; how much more memory it has then."""
    before = resident(daemon.process)
    for number in range(first, first + FILES, FILES // 4):
        create(directory, number, FILES // 4)
        time.sleep(SECONDS / 4)
    assert daemon.process.poll() is None
    return resident(daemon.process) - before


def failing(daemon, why):
    """Whether status, or standard error where status cannot be written, has it."""
    with open(daemon.errors) as said:
        return "cannot be written: " + why in said.read()


def told_or_lost(daemon, directory, count):
    """Every creation is in the journal, or in a gap that it has: the monitor saw it."""
    made = daemon.made(directory)
    lost = sum(record["lost"] or 0 for record in daemon.records("gap"))
    found = {record["path"] for record in daemon.records("reconcile")}
    missing = {"%s/f%d" % (directory, number) for number in range(count)} - made - found
    assert len(missing) <= lost, sorted(missing)[:5]


def test_a_disk_that_is_full(tree):
    """And has room again."""
    watched, state = tree + "/watched", tree + "/outside/state"
    with mounted(state, "-t", "tmpfs", "-o", "size=8m", "none"):
        with Daemon(state, watched, options=["--keep-free", "0"]) as daemon:
            settled(daemon, watched, 0)
            until_full(state + "/filler")
            more = made_and_bounded(daemon, watched, 1)
            assert failing(daemon, "No space left on device")
            os.unlink(state + "/filler")
            settled(daemon, watched, FILES + 1)
            daemon.wait(lambda: status(daemon)[1].get("journal_failing") is None)
            daemon.stop()
        print("full: %d KiB more" % more)
        assert more < MORE_KIB
        told_or_lost(daemon, watched, FILES + 2)
        daemon.check()
        assert daemon.fim("verify")[0] == 0


@pytest.fixture
def image(tree):
    """A file with an ext4 file system in it."""
    path = tree + "/outside/image"
    with open(path, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)
    return path


def test_a_disk_that_became_read_only(tree, image):
    """As after an error of it. What the journal has no more is found by the next start."""
    watched, state = tree + "/watched", tree + "/outside/state"
    with mounted(state, "-o", "loop", image):
        with Daemon(state, watched, options=["--keep-free", "0"]) as daemon:
            settled(daemon, watched, 0)
            daemon.wait(lambda: os.path.exists(state + "/observed"))
            os.sync()
            subprocess.run(["mount", "-o", "remount,abort", state], check=True)
            more = made_and_bounded(daemon, watched, 1)
            daemon.wait(lambda: failing(daemon, ""))  # by the write, or by the sync after it
            daemon.stop()
        print("read-only: %d KiB more" % more)
        assert more < MORE_KIB
    subprocess.run(["e2fsck", "-f", "-y", image], stdout=subprocess.DEVNULL)
    with mounted(state, "-o", "loop", image):
        with Daemon(state, watched) as daemon:
            settled(daemon, watched, FILES + 1)
            daemon.wait(lambda: daemon.records("gap_closed"))
            daemon.stop()
        told_or_lost(daemon, watched, FILES + 2)
        assert daemon.fim("verify")[0] in (0, TORN)


class Reader(threading.Thread):
    """Has a FIFO open, for ever, and reads it once it is told to."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.file = os.fdopen(os.open(path, os.O_RDWR), "rb", buffering=0)
        self.go, self.data = threading.Event(), b""
        self.start()

    def run(self):
        self.go.wait()
        while True:
            self.data += self.file.read(1 << 16)

    def lines(self):
        """Whole ones."""
        return self.data.split(b"\n")[:-1]


def test_an_output_that_nobody_reads(tree):
    """The journal has everything meanwhile; the reader has it later."""
    watched, state, output = tree + "/watched", tree + "/outside/state", tree + "/outside/output"
    os.mkfifo(output)
    reader = Reader(output)
    with Daemon(state, watched, options=["--output", output, "--spool",
                                         tree + "/outside/spool"]) as daemon:
        more = made_and_bounded(daemon, watched, 0)
        assert len(daemon.made(watched)) == FILES and not reader.data
        reader.go.set()
        last = json.dumps("%s/f%d" % (watched, FILES - 1)).encode("ascii")
        daemon.wait(lambda: any(last in line for line in reader.lines()))
        daemon.stop()
    print("blocked: %d KiB more" % more)
    assert more < MORE_KIB
    told = {record["path"] for record in map(json.loads, reader.lines())
            if record["kind"] == "event" and record["op"] == "create"}
    assert told >= {"%s/f%d" % (watched, number) for number in range(FILES)}
    assert daemon.fim("verify")[0] == 0
