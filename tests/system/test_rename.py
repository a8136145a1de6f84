# SPDX-License-Identifier: GPL-2.0-only
"""Names that move: in, out, over, and whole directories."""
import os

from workload import append, make



def acts(events):
    return [(event["op"], event.get("old_path"), event["path"]) for event in events]


def ino(path):
    return str(os.lstat(path).st_ino)


def test_into(room, cell):
    """From then on it is watched."""
    cell("rename_into", "directly", room.kind)
    source, target = make(room.outside + "/came"), room.join("came")
    room.forget()
    os.rename(source, target)
    append(target)
    events = room.events()
    assert acts(events) == [("rename", source, target), ("modify", None, target),
                            ("close", None, target)]
    assert events[0]["matched"] == "parent" and events[0]["replaced"] is None
    assert [event["file"]["ino"] for event in events] == [ino(target)] * 3


def test_out(room, cell):
    """It is told, then let go."""
    cell("rename_out", "directly", room.kind)
    source, target = make(room.join("went")), room.outside + "/went"
    room.forget()
    os.rename(source, target)
    events = room.events()
    assert acts(events) == [("rename", source, target)]
    assert events[0]["path_complete"] and events[0]["names_known"] == 1
    append(target)
    os.unlink(target)
    assert room.events() == []


def test_out_with_a_name_left(room):
    """While any known name is inside it stays watched."""
    kept, source, target = make(room.join("kept")), room.join("went"), room.outside + "/went"
    os.link(kept, source)
    room.forget()
    os.rename(source, target)
    append(target)
    events = room.events()
    assert [event["op"] for event in events] == ["rename", "modify", "close"]
    assert all(kept in known(event) for event in events[1:])


def known(event):
    return [event["path"]] + event.get("known_paths", [])


def test_out_and_back(room):
    """Sooner than anybody looks: the kernel has found its key still there."""
    path, out = make(room.join("file")), os.path.join(room.outside, "file")
    room.forget()
    for _ in range(3):
        os.rename(path, out)
        os.rename(out, path)
    assert [(event["op"], event["path"]) for event in room.events()] == [
        ("rename", out), ("rename", path)] * 3
    append(path)
    assert [(event["op"], event["path"]) for event in room.events()] == [
        ("modify", path), ("close", path)]


def test_out_and_its_number_back(room):
    """Removed outside, and the next file made inside, perhaps with its number."""
    out = os.path.join(room.outside, "file")
    path = make(room.join("file"))
    room.forget()
    os.rename(path, out)
    os.unlink(out)
    new = make(room.join("new"), "")
    room.forget()
    append(new)
    assert [(event["op"], event["path"]) for event in room.events()] == [
        ("modify", new), ("close", new)]


def test_over(room):
    source, target = make(room.join("new"), "new\n"), make(room.join("old"), "older\n")
    replaced = ino(target)
    room.forget()
    os.rename(source, target)
    append(target)
    events = room.events()
    assert acts(events) == [("rename", source, target), ("modify", None, target),
                            ("close", None, target)]
    assert (events[0]["replaced"]["ino"], events[0]["replaced"]["size"]) == (replaced, 6)
    assert events[0]["replaced"]["nlink"] == 0


def test_over_from_outside(room, cell):
    cell("rename_over_from_outside", "directly", room.kind)
    source, target = make(room.outside + "/new"), make(room.join("old"))
    replaced = ino(target)
    room.forget()
    os.rename(source, target)
    append(target)
    events = room.events()
    assert acts(events)[0] == ("rename", source, target) and len(events) == 3
    assert events[0]["replaced"]["ino"] == replaced


def test_a_directory(room, cell):
    """What happens in it later has the new path."""
    cell("rename_directory", "directly", room.kind)
    os.makedirs(room.join("d", "deeper"))
    make(room.join("d", "deeper", "file"))
    room.forget()
    os.rename(room.join("d"), room.join("e"))
    append(room.join("e", "deeper", "file"))
    os.unlink(room.join("e", "deeper", "file"))
    os.rmdir(room.join("e", "deeper"))
    assert acts(room.events()) == [
        ("rename", room.join("d"), room.join("e")),
        ("modify", None, room.join("e", "deeper", "file")),
        ("close", None, room.join("e", "deeper", "file")),
        ("unlink", None, room.join("e", "deeper", "file")),
        ("rmdir", None, room.join("e", "deeper")),
    ]


def test_a_directory_moved_in(room, cell):
    """What it held is told as found, and is watched."""
    cell("directory_moved_in", "directly", room.kind)
    os.makedirs(room.outside + "/d/deeper")
    make(room.outside + "/d/deeper/file")
    room.forget()
    os.rename(room.outside + "/d", room.join("d"))
    records = room.watcher.settle() + room.watcher.settle()  # it is read after its record
    found = sorted(record["path"] for record in records if record["kind"] == "found")
    assert found == [room.join("d", "deeper"), room.join("d", "deeper", "file")]
    assert [record["op"] for record in records if record["kind"] == "event"] == ["rename"]
    append(room.join("d", "deeper", "file"))
    assert acts(room.events()) == [("modify", None, room.join("d", "deeper", "file")),
                                   ("close", None, room.join("d", "deeper", "file"))]


def test_a_directory_moved_out(room, cell):
    """Nothing below it is told any more."""
    cell("directory_moved_out", "directly", room.kind)
    os.makedirs(room.join("d", "deeper"))
    make(room.join("d", "deeper", "file"))
    room.forget()
    os.rename(room.join("d"), room.outside + "/d")
    assert acts(room.events()) == [("rename", room.join("d"), room.outside + "/d")]
    append(room.outside + "/d/deeper/file")
    make(room.outside + "/d/deeper/other")
    assert room.events() == []
