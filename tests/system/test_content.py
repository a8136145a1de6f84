# SPDX-License-Identifier: GPL-2.0-only
"""Content changed by every path the kernel has: one modify and one close an act."""
import os
from collections import namedtuple

import pytest

import expected
from workload import TIMES

# counts: what `close` may count; who: what of the process is not its own.
Change = namedtuple("Change", "counts who", defaults=((1,), ()))

# A copy that cannot share extents has tried it first (Linux: generic_remap_file_range_prep), and
# 3.10's xfs updates the times for each splice and for its first buffer.
TWICE = Change((1, 2))
# A write that would have to wait goes to a thread of the kernel's, which has a name of its own;
# where it was tried first, it has been counted twice (Linux: kiocb_modified, IOCB_NOWAIT).
BY_WORKER = Change((1, 2), ("tid", "comm"))

CHANGES = {
    "append": Change(), "pwrite": Change(), "writev": Change(), "aio": Change(),
    "io_uring": BY_WORKER, "splice": TWICE, "sendfile": TWICE, "copy_range": TWICE,
    "clone": Change(), "clone_range": Change(), "allocate": Change(), "punch": Change(),
    "zero": Change(), "collapse": Change(), "map": Change(), "map_closed": Change(),
}
BLOCKS = b"x" * 8192
NOT_CONTENT = ("mmap",)  # records of the mapping itself have tests of their own
BEFORE_THE_DATA = ("size", "mtime", "ctime")  # modify is told before they change


def prepare(directory):
    """Two files an act, equal."""
    for name in ("%s%02d" % (letter, n) for letter in "fg" for n in range(TIMES)):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(BLOCKS)


def changes(room):
    """The records, file by file: a worker's may come between another's."""
    events = [event for event in room.events() if event["op"] not in NOT_CONTENT]
    return sorted(events, key=lambda event: event["path"])


def wants(room, report):
    for act in report.acts:
        path = room.join("f%02d" % act["n"])
        yield expected.event(report, "modify", path, act["is"])
        yield expected.event(report, "close", path, act["is"], count=1, bytes=None)


@pytest.mark.parametrize("act", sorted(CHANGES))
def test_one_modify_and_one_close(room, workloads, act, cell):
    change = CHANGES[act]
    prepare(room.path)
    room.forget()
    report = workloads.run(act, room.path)
    events = changes(room)
    if not cell(act, "directly", room.kind, report.refused):
        assert events == []
        return
    for event in events:
        if event["op"] == "close":
            assert event["count"] in change.counts
            event["count"] = 1
    expected.check(events, list(wants(room, report)),
                   {"modify": {"file": BEFORE_THE_DATA, "process": change.who},
                    "close": {"process": change.who}})
    if act != "io_uring":  # its last put may come after the act
        expected.check_times(events, report, 2)


@pytest.mark.parametrize("act", sorted(CHANGES) + ["dedupe"])
def test_outside_nothing(room, workloads, act):
    prepare(room.outside)
    room.forget()
    workloads.run(act, room.outside)
    assert room.events() == []


def test_sharing_equal_blocks_is_no_change(room, workloads, cell):
    """The kernel compares them before it lets two files share them."""
    prepare(room.path)
    room.forget()
    report = workloads.run("dedupe", room.path)
    cell("dedupe", "directly", room.kind, report.refused, seen="no change")
    assert room.events() == []


def test_a_refused_fallocate_is_no_change(room):
    """By the VFS: a file system's own refusal can come after it has changed the times."""
    path = room.join("file")
    with open(path, "wb") as file:
        file.write(BLOCKS)
    room.forget()
    with open(path, "r+b") as file:
        with pytest.raises(OSError):
            os.posix_fallocate(file.fileno(), 2**62, 2**62)
    assert room.events() == []
