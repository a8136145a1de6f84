# SPDX-License-Identifier: GPL-2.0-only
"""Names that are odd, and paths that are long."""
import base64
import os

import pytest

from workload import TIMES

ODD = {
    "not_utf8": (b"caf\xe9 \xff", "caf\\xe9 \\xff"),
    "newline": (b"two\nlines\r\x1b[2J", None),
    "quotes": (b"a \"b\" 'c' \\d $e", None),
    "utf8": ("Gr\u00fc\u00dfe \U0001f600".encode(), None),
    "longest": (b"n" * 255, None),
    "longest_not_utf8": (b"\x80" * 255, "\\x80" * 255),
}


@pytest.mark.parametrize("kind", sorted(ODD))
def test_an_odd_name(room, kind):
    raw, text = ODD[kind]
    directory = os.fsencode(room.path)
    path = os.path.join(directory, raw)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.rename(path, os.path.join(directory, b"plain"))
    created, renamed = room.events()
    for record, member in ((created, "path"), (renamed, "old_path")):
        assert record[member] == room.join(text or raw.decode())
        encoded = record.get(member + "_b64")
        assert (base64.b64decode(encoded) == path) if text else encoded is None
    assert renamed["path"] == room.join("plain")


def descend(path, levels):
    """Make `levels` directories below each other; the path of the last."""
    for level in range(levels):
        path = os.path.join(path, "level%02d" % level)
        os.mkdir(path)
    return path


def test_sixty_levels(room, workloads):
    """Deeper than the kernel walks: the monitor's own names complete it."""
    deep = descend(room.path, 60)
    room.forget()
    workloads.run("create_write", deep)
    events = room.events()
    paths = [os.path.join(deep, "f%02d" % n) for n in range(TIMES) for _ in range(3)]
    assert [event["path"] for event in events] == paths
    assert all(event["path_complete"] and event["path_mount"] == "exact" for event in events)
    for event in events:
        assert deep.endswith(event["process"]["cwd"])


def test_sixty_levels_moved(room):
    """A tree of that depth is renamed at its top; the new path is told below."""
    deep = descend(room.path, 60)
    room.forget()
    os.rename(room.join("level00"), room.join("top"))
    deep = deep.replace("/level00/", "/top/")
    os.mkdir(deep + "/new")
    assert [event["path"] for event in room.events()] == [room.join("top"), deep + "/new"]


def test_a_path_of_3000_bytes(room):
    deep = descend_long(room.path)
    room.forget()
    os.mkdir(deep + "/new")
    event, = room.events()
    assert (event["path"], event["path_complete"]) == (deep + "/new", True)


def descend_long(path):
    for letter in "abcdefghijkl":
        path = os.path.join(path, letter * 240)
        os.mkdir(path)
    return path


def test_relative_and_roundabout(room):
    """`..`, `.` and links on the way leave no trace in the path."""
    os.mkdir(room.join("a"))
    os.symlink("a", room.join("link"))
    room.forget()
    os.mkdir(room.join("link", "..", ".", "link", "new"))
    event, = room.events()
    assert event["path"] == room.join("a", "new")
