# SPDX-License-Identifier: GPL-2.0-only
"""Mount acts on watched paths: told once they have succeeded, and what is watched then."""
import os

import pytest

import mounts
from workload import append, make


@pytest.fixture
def point(room):
    """A watched directory with a file in it; nothing is mounted on it afterwards."""
    path = room.join("point")
    os.mkdir(path)
    make(path + "/under")
    room.forget()
    yield path
    while os.path.ismount(path):
        mounts.umount(path, mounts.MNT_DETACH)


@pytest.fixture
def source(room):
    """A directory beside what is watched, with a file in it."""
    path = os.path.join(room.outside, "source")
    os.mkdir(path)
    make(path + "/over")
    return path


def acts(events):
    return [(event["op"], event["path"], event["result"]) for event in events]


def ino(path):
    return str(os.stat(path).st_ino)


def written(*paths):
    return [(op, path, "success") for path in paths for op in ("modify", "close")]


def test_a_file_system(room, point, cell):
    """Mounted over a watched directory, and unmounted."""
    cell("mount", "directly", room.kind)
    covered = ino(point)
    mounts.tmpfs(point)
    event, = room.events()
    assert acts([event]) == [("mount", point, "success")]
    assert (event["mount"]["source"], event["mount"]["type"]) == ("none", "tmpfs")
    assert event["mount"]["options"].startswith("rw")
    assert (event["file"]["ino"], event["file"]["type"]) == (covered, "directory")
    assert event["process"]["pid"] == os.getpid() and event["path_complete"]
    mounts.umount(point)
    event, = room.events()
    assert acts([event]) == [("umount", point, "success")]
    assert event["mount"]["type"] == "tmpfs" and event["file"]["ino"] == covered


def test_the_new_tree_is_watched_by_path(room, point):
    mounts.tmpfs(point)
    room.forget()
    os.mkdir(point + "/d")
    make(point + "/d/f", "")
    append(point + "/d/f")
    assert acts(room.events()) == [("mkdir", point + "/d", "success"),
                                   ("create", point + "/d/f", "success")
                                   ] + written(point + "/d/f")


def test_the_covered_tree_stays_watched(room, point, source):
    """While it is covered, by a descriptor; and when it is uncovered, by its name."""
    under = os.open(point + "/under", os.O_WRONLY | os.O_APPEND)
    mounts.bind(source, point)
    room.forget()
    os.write(under, b"x\n")
    os.close(under)
    assert acts(room.events()) == written(point + "/under")
    mounts.umount(point)
    room.forget()
    append(point + "/under")
    make(point + "/new", "")
    assert acts(room.events()) == written(point + "/under") + [
        ("create", point + "/new", "success")]


def test_bind(room, point, source, cell):
    """What is in it is found, watched by both its names, and let go with the mount."""
    cell("bind_mount", "directly", room.kind)
    mounts.bind(source, point)
    records = room.watcher.settle()
    assert [record["path"] for record in records if record["kind"] == "found"] == [point + "/over"]
    event, = [record for record in records if record["kind"] == "event"]
    assert acts([event]) == [("mount", point, "success")]
    assert event["mount"]["type"] == room.kind
    append(source + "/over")
    assert acts(room.events()) == written(point + "/over")
    mounts.umount(point)
    room.forget()
    append(source + "/over")
    make(source + "/other")
    assert acts(room.events()) == []


def test_bind_of_what_is_watched(room, point):
    """It keeps its name."""
    other = room.join("other")
    os.mkdir(other)
    make(other + "/file")
    room.forget()
    mounts.bind(other, point)
    assert acts(room.events()) == [("mount", point, "success")]
    append(point + "/file")
    assert acts(room.events()) == written(other + "/file")
    mounts.umount(point)
    room.forget()
    append(other + "/file")
    assert acts(room.events()) == written(other + "/file")


def test_a_file_over_a_file(room, source, cell):
    cell("bind_over_a_file", "directly", room.kind)
    path = make(room.join("file"))
    room.forget()
    mounts.bind(source + "/over", path)
    try:
        assert acts(room.events()) == [("mount", path, "success")]
        append(source + "/over")
        assert acts(room.events()) == written(path)
    finally:
        mounts.umount(path)
    assert acts(room.events()) == [("umount", path, "success")]
    append(path)
    append(source + "/over")
    assert acts(room.events()) == written(path)


def test_over_an_ancestor(room, source, cell):
    """The watched root is covered, and another one is at its path."""
    cell("mount_over_an_ancestor", "directly", room.kind)
    root = os.path.join(room.base, "watched")
    os.mkdir(source + "/watched")
    make(source + "/watched/file")
    own = make(room.join("own"))
    room.forget()
    mounts.bind(source, room.base)
    try:
        assert acts(room.events()) == [("mount", room.base, "success")]
        append(root + "/file")
        assert acts(room.events()) == written(root + "/file")
    finally:
        mounts.umount(room.base)
    assert acts(room.events()) == [("umount", room.base, "success")]
    append(source + "/watched/file")
    assert acts(room.events()) == []
    append(own)
    assert acts(room.events()) == written(own)


def test_lazily(room, point, cell):
    cell("umount_lazily", "directly", room.kind)
    mounts.tmpfs(point)
    room.forget()
    busy = os.open(point, os.O_RDONLY)
    mounts.umount(point, mounts.MNT_DETACH)
    assert acts(room.events()) == [("umount", point, "success")]
    os.close(busy)


def test_with_what_is_mounted_below(room, point):
    """One act, one record."""
    mounts.tmpfs(point)
    os.mkdir(point + "/below")
    mounts.tmpfs(point + "/below")
    room.forget()
    mounts.umount(point, mounts.MNT_DETACH)
    assert acts(room.events()) == [("umount", point, "success")]


def test_moved_in_and_out(room, point, cell):
    cell("move_mount", "directly", room.kind)
    outside = os.path.join(room.outside, "outside")
    os.mkdir(outside)
    mounts.tmpfs(outside)
    mounts.mount("none", outside, flags=mounts.MS_PRIVATE)
    make(outside + "/file")
    assert acts(room.events()) == []
    mounts.move(outside, point)
    assert acts(room.events()) == [("mount", point, "success")]
    append(point + "/file")
    assert acts(room.events()) == written(point + "/file")
    mounts.move(point, outside)
    assert acts(room.events()) == [("umount", point, "success")]
    append(outside + "/file")
    append(point + "/under")
    assert acts(room.events()) == written(point + "/under")
    mounts.umount(outside)
    assert acts(room.events()) == []


def test_attached_by_the_newer_calls(room, point, source, cell):
    attached = mounts.attach_copy(source, point)
    if cell("attach_mount", "directly", room.kind, None if attached else "ENOSYS"):
        assert acts(room.events()) == [("mount", point, "success")]
        append(point + "/over")
        assert acts(room.events()) == written(point + "/over")


def test_stacked(room, point, source):
    """The uppermost counts; what it covers is watched again after it."""
    mounts.tmpfs(point)
    make(point + "/middle")
    mounts.bind(source, point)
    assert [act for act in acts(room.events()) if "mount" in act[0]] == [
        ("mount", point, "success")] * 2
    mounts.umount(point)
    room.forget()
    append(point + "/middle")
    append(source + "/over")
    assert acts(room.events()) == written(point + "/middle")


def test_gone_before_anybody_looked(room, point):
    for _ in range(3):
        mounts.tmpfs(point)
        mounts.umount(point)
    events = room.events()
    assert [(event["op"], event["path"]) for event in events] == [
        ("mount", point), ("umount", point)] * 3
    assert {event["result"] for event in events} <= {"success", "unknown"}


def test_another_in_its_place(room, point):
    """With the same numbers, perhaps: its files are its own."""
    mounts.tmpfs(point)
    make(point + "/first")
    room.forget()
    mounts.umount(point)
    mounts.tmpfs(point)
    make(point + "/second")
    room.forget()
    append(point + "/second")
    assert acts(room.events()) == written(point + "/second")


def test_the_same_numbers_elsewhere(room, point):
    """A device number is given out again: no key of the old file system is left."""
    outside = os.path.join(room.outside, "outside")
    os.mkdir(outside)
    mounts.tmpfs(point)
    names = ["f%d" % n for n in range(20)]
    for name in names:
        make(os.path.join(point, name))
    device = os.stat(point).st_dev
    room.forget()
    mounts.umount(point)
    mounts.tmpfs(outside)
    try:
        assert os.stat(outside).st_dev == device
        for name in names:
            make(os.path.join(outside, name))
        assert acts(room.events()) == [("umount", point, "success")]
        for name in names:
            append(os.path.join(outside, name))
        assert acts(room.events()) == []
    finally:
        mounts.umount(outside)


def test_read_only_and_back(room, point, source, cell):
    """mount(2) and, where there is one, mount_setattr(2)."""
    cell("remount_read_only", "directly", room.kind)
    mounts.bind(source, point)
    room.forget()
    events, expected = [], []
    for word, flags in (("ro", mounts.MS_RDONLY), ("rw", 0)):
        mounts.mount("none", point, flags=mounts.MS_REMOUNT | mounts.MS_BIND | flags)
        events += room.events()
        expected.append(word)
    for word in ("ro", "rw"):
        if mounts.set_read_only(point, word == "ro"):
            events += room.events()
            expected.append(word)
    assert acts(events) == [("mount", point, "success")] * len(expected)
    assert [event["mount"]["options"].split(",")[0] for event in events] == expected
    assert all(event["process"]["pid"] == os.getpid() for event in events)


def test_a_failure_gives_nothing(room, point):
    with pytest.raises(OSError):
        mounts.mount("/dev/none", point, "no such type")
    with pytest.raises(OSError):
        mounts.umount(point)
    with pytest.raises(OSError):
        mounts.bind(point + "/none", point)
    assert acts(room.events()) == []
    mounts.tmpfs(point)
    busy = os.open(point, os.O_RDONLY)
    room.forget()
    with pytest.raises(OSError):
        mounts.umount(point)
    os.close(busy)
    assert acts(room.events()) == []


def test_elsewhere_gives_nothing(room, source):
    mounts.tmpfs(source)
    mounts.mount("none", source, flags=mounts.MS_REMOUNT | mounts.MS_RDONLY)
    mounts.umount(source)
    assert acts(room.events()) == []


def test_in_another_namespace(room, point, source, cell):
    """It is told by the host's path; nothing of it is watched here."""
    cell("mount_elsewhere", "directly", room.kind)
    with mounts.Elsewhere(lambda: mounts.bind(source, point)) as child:
        event, = room.events()
        assert acts([event]) == [("mount", point, "success")]
        assert event["process"]["pid"] == child.child
        assert event["mount"]["type"] == room.kind
        append(source + "/over")
        append(point + "/under")
        assert acts(room.events()) == written(point + "/under")


def test_unmounted_in_another_namespace(room, point):
    mounts.tmpfs(point)
    room.forget()
    with mounts.Elsewhere(lambda: mounts.umount(point)):
        assert acts(room.events()) == [("umount", point, "success")]
        make(point + "/file", "")
        assert acts(room.events()) == [("create", point + "/file", "success")]


def test_of_a_short_lived_process_elsewhere(room, point, source):
    """Nobody is left to ask what became of it."""
    with mounts.Elsewhere(lambda: mounts.bind(source, point)):
        pass
    events = room.events()
    assert acts(events) in ([("mount", point, "unknown")], [("mount", point, "success")])


def test_pivot_root(room, point, cell):
    """A container's start, with its new root in a watched directory."""
    cell("pivot_root", "directly", room.kind)
    def pivot():
        mounts.tmpfs(point)
        os.mkdir(point + "/old")
        mounts.pivot_root(point, point + "/old")

    with mounts.Elsewhere(pivot):
        assert acts(room.events()) == [("mount", point, "success"), ("umount", point, "success")]
