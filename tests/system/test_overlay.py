# SPDX-License-Identifier: GPL-2.0-only
"""overlayfs: one act, one record, of the merged path; known by the real inode.

Each test has a room of its own, a directory that is in the lower layer only
when the test begins. It is run with what the kernel has cached of the merged
tree, and after that was evicted.
"""
import itertools
import mmap
import os
import subprocess

import pytest

from conftest import PLACES
from fim import places
from listener import listening
from watcher import Watcher
from workload import append, make

ROOMS = 64
MANY = 4000  # inodes to be evicted
LOWER = {"same": PLACES["ext4"], "apart": PLACES["tmpfs"]}  # the upper layer is on ext4


def run(*command):
    subprocess.run(command, check=True)


def populate(lower):
    """What is in every room, and many more."""
    for number in range(ROOMS):
        os.makedirs("%s/r%d/d/e" % (lower, number))
        for name in ("a", "b", "d/x", "d/e/y"):
            make("%s/r%d/%s" % (lower, number, name))
    os.mkdir(lower + "/many")
    for number in range(MANY):
        make("%s/many/%d" % (lower, number))


class Overlay:
    """A merged tree and its layers."""

    def __init__(self, base, lower):
        self.lower, self.upper, self.merged = lower, base + "/upper", base + "/merged"
        self.work = base + "/work"
        for path in (self.upper, self.merged, self.work):
            os.makedirs(path)
        make(self.upper + "/uppermost")
        run("mount", "-t", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s"
            % (self.lower, self.upper, self.work), "fim-test", self.merged)

    def evict(self):
        """Have the kernel forget its inodes."""
        for _ in range(3):
            for number in range(MANY):
                os.stat("%s/many/%d" % (self.merged, number))
            os.sync()
            with open("/proc/sys/vm/drop_caches", "w") as file:
                file.write("2\n")

    def close(self):
        subprocess.call(["umount", self.merged])


class Room:
    """A directory of a merged tree, as yet in the lower layer only."""

    def __init__(self, watcher, overlay, number):
        self.watcher, self.overlay = watcher, overlay
        self.name = "/r%d" % number
        self.watcher.settle()

    def join(self, name):
        """Its path in the merged tree."""
        return "%s%s/%s" % (self.overlay.merged, self.name, name)

    def upper(self, name):
        """Its path in the upper layer."""
        return "%s%s/%s" % (self.overlay.upper, self.name, name)

    def forget(self):
        """What was done until now was preparation."""
        self.watcher.settle()

    def told(self):
        """[(operation, name in the room)] of what was done since, and the events."""
        events = self.watcher.events()
        top = self.join("")
        return [(event["op"], event["path"].replace(top, "")) for event in events], events


@pytest.fixture(scope="module")
def overlays(base):
    """{"same", "apart": watched overlays, "both": with its upper layer, "stranger": not}"""
    subprocess.call(["modprobe", "overlay"])
    made, lowers = {}, {}
    try:
        for kind, place in LOWER.items():
            lowers[kind] = "%s/fim-overlay-%d" % (place, os.getpid())
            populate(lowers[kind])
        for kind in ("same", "apart", "both", "stranger"):
            made[kind] = Overlay("%s/overlay-%s" % (base["ext4"], kind),
                                 lowers.get(kind, lowers["same"]))
        yield made
    finally:
        for overlay in made.values():
            overlay.close()
        for lower in lowers.values():
            run("rm", "-rf", lower)


@pytest.fixture(scope="module")
def watching(overlays, scratch):
    paths = [overlays[kind].merged for kind in ("same", "apart", "both")]
    with Watcher(scratch / "watch-overlay", paths + [overlays["both"].upper]) as watcher:
        yield watcher.wait_ready()


numbers = itertools.count()


@pytest.fixture(params=["same", "same evicted", "apart", "apart evicted"])
def room(request, overlays, watching):
    kind = request.param.split()[0]
    if "evicted" in request.param:
        overlays[kind].evict()
    return Room(watching, overlays[kind], next(numbers))


def is_merged(event, path, real):
    """The record has stat's numbers of the merged file and the kernel's of the real one."""
    merged, real = os.lstat(path), os.lstat(real)
    device = "%d:%d" % (os.major(merged.st_dev), os.minor(merged.st_dev))
    assert (event["file"]["dev"], event["file"]["ino"]) == (device, str(merged.st_ino))
    device = "%d:%d" % (os.major(real.st_dev), os.minor(real.st_dev))
    assert (event["kernel"]["dev"], event["kernel"]["ino"]) == (device, str(real.st_ino))
    assert (event["path_complete"], event["names_known"]) == (True, 1)
    assert event["file"]["nlink"] == real.st_nlink


WRITTEN = ["modify", "close"]


@pytest.mark.parametrize("name", ["a", "d/e/y"])
def test_a_lower_file_is_written_to(room, name):
    """Copied up by the first, with its directories; the second finds it there."""
    path = room.join(name)
    for _ in range(2):
        append(path)
        told, events = room.told()
        assert told == [(op, name) for op in WRITTEN]
        assert events[1]["count"] == 1
        assert events[1]["file"]["size"] == os.stat(path).st_size
        for event in events:
            is_merged(event, path, room.upper(name))


def test_created_and_written(room):
    make(room.join("d/new"))
    told, events = room.told()
    assert told == [("create", "d/new"), ("modify", "d/new"), ("close", "d/new")]
    is_merged(events[2], room.join("d/new"), room.upper("d/new"))


def test_directories(room):
    os.mkdir(room.join("d/new"))
    make(room.join("d/new/file"))
    os.unlink(room.join("d/new/file"))
    os.rmdir(room.join("d/new"))
    told, _ = room.told()
    assert told == [("mkdir", "d/new"), ("create", "d/new/file"), ("modify", "d/new/file"),
                    ("close", "d/new/file"), ("unlink", "d/new/file"), ("rmdir", "d/new")]


def test_other_names(room):
    os.symlink("to", room.join("symbolic"))
    os.mkfifo(room.join("fifo"))
    os.link(room.join("a"), room.join("linked"))
    told, events = room.told()
    assert told == [("symlink", "symbolic"), ("mknod", "fifo"), ("link", "linked")]
    assert events[2]["target_path"] == room.join("a")
    assert sorted(events[2]["known_paths"]) == [room.join("a"), room.join("linked")]


@pytest.mark.parametrize("upper", [False, True])
def test_renamed(room, upper):
    old, new = room.join("a"), room.join("d/new")
    if upper:
        append(old)
        room.forget()
    os.rename(old, new)
    append(new)
    told, events = room.told()
    assert told == [("rename", "d/new"), ("modify", "d/new"), ("close", "d/new")]
    assert (events[0]["old_path"], events[0]["replaced"]) == (old, None)
    is_merged(events[0], new, room.upper("d/new"))


@pytest.mark.parametrize("over", ["b", "d/x"])
def test_renamed_over_a_lower_one(room, over):
    os.rename(room.join("a"), room.join(over))
    append(room.join(over))
    told, events = room.told()
    assert told == [("rename", over), ("modify", over), ("close", over)]
    assert events[0]["replaced"]["type"] == "file"


@pytest.mark.parametrize("upper", [False, True])
def test_removed(room, upper):
    """A lower one leaves a whiteout, of which nothing is told; and comes again over it."""
    path = room.join("d/x")
    if upper:
        append(path)
        room.forget()
    os.unlink(path)
    told, events = room.told()
    assert told == [("unlink", "d/x")]
    assert (events[0]["file"]["nlink"], events[0]["names_known"]) == (0, 0)
    make(path)
    told, events = room.told()
    assert told == [("create", "d/x"), ("modify", "d/x"), ("close", "d/x")]
    is_merged(events[0], path, room.upper("d/x"))


def test_stored_through_a_mapping(room):
    with open(room.join("a"), "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[0:1] = b"m"
    told, _ = room.told()
    assert told[:3] == [("mmap", "a"), ("modify", "a"), ("close", "a")]
    # Where overlayfs maps the file underneath, that one is closed as well.
    assert told[3:] in ([], [("close", "a")])


def test_attributes(room):
    """Of what copying up does to them, and of its own marks, nothing is told."""
    path = room.join("d/e/y")
    os.chmod(path, 0o604)
    os.chown(path, 1, 2)
    os.utime(path, (1, 1))
    os.setxattr(path, "trusted.of", b"ours")
    os.truncate(path, 1)
    told, events = room.told()
    assert told == [(op, "d/e/y") for op in ("chmod", "chown", "utimes", "setxattr", "truncate")]
    assert events[0]["changed"]["mode"] == {"before": "0644", "after": "0604"}
    for event in events:
        is_merged(event, path, room.upper("d/e/y"))


def test_written_in_the_layer(room):
    """Without the overlay the path is the upper one, and the merged one is known."""
    append(room.join("a"))
    room.forget()
    append(room.upper("a"))
    _, events = room.told()
    assert [(event["op"], event["path"]) for event in events] == [
        (op, room.upper("a")) for op in WRITTEN]
    for event in events:
        assert sorted(event["known_paths"]) == sorted([room.upper("a"), room.join("a")])


def test_the_upper_layer_is_watched_too(overlays, watching):
    """One record still; both paths are known, whichever way is taken."""
    room = Room(watching, overlays["both"], next(numbers))
    make(room.join("new"))
    append(room.upper("new"))
    os.rename(room.join("new"), room.join("newer"))
    _, events = room.told()
    ways = [room.join("new")] * 3 + [room.upper("new")] * 2 + [room.join("newer")]
    assert [(event["op"], event["path"]) for event in events] == list(zip(
        ["create", "modify", "close", "modify", "close", "rename"], ways))
    for event in events[1:5]:
        assert sorted(event["known_paths"]) == sorted([room.join("new"), room.upper("new")])
    assert sorted(events[5]["known_paths"]) == sorted([room.join("newer"), room.upper("newer")])


def test_a_rename_after_a_whiteout(overlays, watching):
    """What overlayfs has left in its layer is not what a later rename leaves, by the same thread
    and on the same file system."""
    room, path = Room(watching, overlays["both"], next(numbers)), overlays["both"].upper + "/plain"
    make(path)
    os.unlink(room.join("d/x"))
    os.rename(path, path + "er")
    _, events = room.told()
    assert [event["op"] for event in events] == ["create", "modify", "close", "unlink", "rename"]


def test_another_overlay_of_the_same_layer(overlays, watching):
    """It shares the lower files and is not watched: none of its acts is told."""
    room = Room(watching, overlays["stranger"], next(numbers))
    append(room.join("a"))
    make(room.join("d/new"))
    os.rename(room.join("b"), room.join("d/b"))
    os.unlink(room.join("d/x"))
    assert room.told() == ([], [])
    # Nor has it taken from the watched one what they share.
    beside = Room(watching, overlays["same"], int(room.name[2:]))
    for name in ("a", "d/x"):
        append(beside.join(name))
    told, _ = beside.told()
    assert told == [(op, name) for name in ("a", "d/x") for op in WRITTEN]


@pytest.mark.parametrize("earnest", [False, True])
def test_an_overlay_where_the_canary_sings(attachment, overlays, monkeypatch, earnest):
    """It shares a layer with a watched one; it is watched only if somebody said so."""
    stranger, usual = overlays["stranger"].merged, places.place
    monkeypatch.setattr(places, "place", lambda kind, *others: (
        stranger if kind == "overlay" else usual(kind, *others)))
    room = "%s/r%d" % (stranger, next(numbers))
    roots = [overlays["same"].merged] + [stranger] * earnest
    with listening(attachment, *roots, canary_seconds=None) as listener:
        states = {cells["overlay"]["state"] for record in listener.settle()
                  if record["kind"] == "coverage" for cells in record["operations"].values()}
        append(room + "/a")
        make(room + "/d/new")
        told = {path for _, path in listener.acts()}
    assert "covered" in states
    assert told == ({room + "/a", room + "/d/new"} if earnest else set())
