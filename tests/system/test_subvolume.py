# SPDX-License-Identifier: GPL-2.0-only
"""btrfs: the files of a snapshot have the numbers of those it was taken of, and are others."""
import mmap
import os
import subprocess

import pytest

from watcher import Watcher
from workload import make

PLACE = "/mnt/btrfs"
ACTS = 7  # records of act()

with open("/proc/filesystems") as lines:
    __test__ = any(line.split()[-1] == "btrfs" for line in lines)  # RHEL 7.7's build has none


def btrfs(*words):
    subprocess.run(("btrfs", "subvolume") + words, check=True, stdout=subprocess.DEVNULL)


def populate(path):
    for number in range(3):
        os.makedirs("%s/r%d" % (path, number))
        for name in "abc":
            make("%s/r%d/%s" % (path, number, name))


def act(directory):
    """One of each, and what must be told of it."""
    def at(name):
        return directory + "/" + name
    with open(at("a"), "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[0:1] = b"m"
    os.mkdir(at("new"))
    os.unlink(at("b"))
    os.link(at("a"), at("e"))
    os.rename(at("c"), at("d"))
    return [("mmap", at("a")), ("modify", at("a")), ("close", at("a")), ("mkdir", at("new")),
            ("unlink", at("b")), ("link", at("e")), ("rename", at("d"))]


class Subvolumes:
    """Three with the same files, the third taken when the others are watched already."""

    def __init__(self, top):
        self.first, self.second, self.stranger = (top + name for name in ("/1", "/2", "/3"))
        os.mkdir(top)
        btrfs("create", self.first)
        populate(self.first)
        btrfs("snapshot", self.first, self.second)

    def delete(self):
        for path in (self.first, self.second, self.stranger):
            subprocess.call(["btrfs", "subvolume", "delete", path], stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def subvolumes(capable):
    if not os.path.ismount(PLACE):
        pytest.skip("no btrfs at " + PLACE)
    top = "%s/fim-test-subvolumes-%d" % (PLACE, os.getpid())
    made = Subvolumes(top)
    yield made
    made.delete()
    os.rmdir(top)


@pytest.fixture(scope="module")
def watching(subvolumes, scratch):
    with Watcher(scratch / "watch-subvolume", [subvolumes.first, subvolumes.second]) as watcher:
        watcher.wait_ready()
        btrfs("snapshot", subvolumes.first, subvolumes.stranger)
        watcher.settle()
        yield watcher


def told(watcher):
    return [(event["op"], event["path"]) for event in watcher.events()]


def evict():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2\n")


def test_each_by_its_own_path(subvolumes, watching):
    for path in (subvolumes.first, subvolumes.second):
        wanted = act(path + "/r0")
        assert told(watching) == wanted


def test_a_snapshot_that_is_not_watched(subvolumes, watching):
    """Nothing is told of it, and nothing forgotten of the others."""
    assert len(act(subvolumes.stranger + "/r1")) == ACTS
    assert told(watching) == []
    evict()
    for path in (subvolumes.second, subvolumes.first):
        wanted = act(path + "/r1")
        assert told(watching) == wanted


def test_what_was_withheld_is_counted(subvolumes, watching):
    """The last test of the monitor."""
    act(subvolumes.stranger + "/r2")
    watching.settle()
    counts = [record["count"] for record in watching.stop() if record["kind"] == "withheld"]
    assert counts == [2 * ACTS]
