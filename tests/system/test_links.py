# SPDX-License-Identifier: GPL-2.0-only
"""Files with several names."""
import os

from workload import append, make


def names(event):
    return [event["path"]] + event.get("known_paths", [])


def test_written_through_a_name_outside(room):
    """The inode is watched, so is what goes through its other names."""
    inside, outside = make(room.join("file")), room.outside + "/other"
    room.forget()
    os.link(inside, outside)
    append(outside)
    linked, modified, closed = room.events()
    assert (linked["op"], linked["path"], linked["target_path"]) == ("link", outside, inside)
    for event, op in ((modified, "modify"), (closed, "close")):
        assert (event["op"], event["matched"]) == (op, "inode")
        assert inside in names(event), names(event)
        assert event["file"]["ino"] == str(os.stat(inside).st_ino)
        assert event["file"]["nlink"] == 2


def test_a_name_outside_that_was_there_before(room):
    """Linked into the tree by the name of an unwatched file."""
    outside, inside = make(room.outside + "/file"), room.join("other")
    room.forget()
    os.link(outside, inside)
    append(outside)
    linked, modified, closed = room.events()
    assert (linked["op"], linked["path"], linked["target_path"]) == ("link", inside, outside)
    assert linked["created"] is False
    assert inside in names(modified) and inside in names(closed)


def test_one_of_two_removed(room):
    first, second = make(room.join("first")), room.join("second")
    os.link(first, second)
    room.forget()
    os.unlink(first)
    append(second)
    unlinked, modified, closed = room.events()
    assert (unlinked["op"], unlinked["path"]) == ("unlink", first)
    assert (unlinked["file"]["nlink"], unlinked["names_known"]) == (1, 1)
    assert (modified["path"], closed["path"]) == (second, second)


def test_of_several_names_the_one_acted_through(room):
    """path is the name in the directory acted through; the others are known."""
    os.mkdir(room.join("a"))
    os.mkdir(room.join("b"))
    first, second = make(room.join("a", "file")), room.join("b", "file")
    os.link(first, second)
    room.forget()
    append(second)
    for event in room.events():
        assert event["path"] == second
        assert sorted(event["known_paths"]) == [first, second]
        assert event["names_known"] == event["file"]["nlink"] == 2


def test_a_hundred_names(any_room):
    """All of them are known, and told."""
    paths = [make(any_room.join("name000"))] + [any_room.join("name%03d" % n) for n in range(1, 100)]
    for path in paths[1:]:
        os.link(paths[0], path)
    any_room.forget()
    append(paths[50])
    for event in any_room.events():
        assert event["path"] == paths[50]
        assert sorted(event["known_paths"]) == paths
        assert event["names_known"] == event["file"]["nlink"] == 100


def test_written_after_the_last_name_is_gone(room):
    """A descriptor outlives the name."""
    path = make(room.join("file"))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.unlink(path)
    room.forget()
    os.write(descriptor, b"unseen by any name\n")
    os.close(descriptor)
    modified, closed = room.events()
    assert (modified["op"], closed["op"]) == ("modify", "close")
    assert modified["deleted"] and closed["deleted"]
    assert closed["file"]["nlink"] == 0
