# SPDX-License-Identifier: GPL-2.0-only
"""Content changed by every path the kernel has: one modify and one close an act."""
import os
from collections import namedtuple

import pytest

import expected
from matrix import symbols
from workload import TIMES

# counts: what `close` may count; who: what of the process is not its own; ops: the records.
Change = namedtuple("Change", "counts who ops", defaults=((1,), (), ("modify", "close")))

# A copy that cannot share extents has tried it first (Linux: generic_remap_file_range_prep), and
# 3.10's xfs updates the times for each splice and for its first buffer.
TWICE = Change((1, 2))
# A write that would have to wait goes to a thread of the kernel's, which has a name of its own;
# where it was tried first, it has been counted twice (Linux: kiocb_modified, IOCB_NOWAIT).
MAPPED = Change(ops=("mmap", "modify", "close"))
BY_WORKER = Change((1, 2), ("tid", "comm"))

CHANGES = {
    "append": Change(), "pwrite": Change(), "writev": Change(), "aio": Change(),
    "io_uring": BY_WORKER, "splice": TWICE, "sendfile": TWICE, "copy_range": TWICE,
    "clone": Change(), "clone_range": Change(), "allocate": Change(), "punch": Change(),
    "zero": Change(), "collapse": Change(), "map": MAPPED, "map_closed": MAPPED,
}
BLOCKS = b"x" * 8192
BEFORE_THE_DATA = ("size", "mtime", "ctime")  # modify is told before they change


def counts(change, kind):
    """btrfs is seen by two functions, and from 5.3 to 5.19 file_modified passes both."""
    if kind == "btrfs" and "kiocb_modified" not in symbols():
        return range(1, 2 * max(change.counts) + 1)
    return change.counts


def prepare(directory, times=TIMES):
    """Two files an act, equal."""
    for name in ("%s%02d" % (letter, n) for letter in "fg" for n in range(times)):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(BLOCKS)


def wants(room, report, ops):
    for act in report.acts:
        for op in ops:
            counted = {"count": 1, "bytes": None} if op == "close" else {}
            path = os.path.join(room.path, "f%02d" % act["n"])
            yield expected.event(report, op, path, act["is"], **counted)


def once_closed(kind, act, events):
    """The records. Where overlayfs maps the file underneath, that one is closed as well."""
    kept, closed = [], set()
    for event in events:
        twice = event["op"] == "close" and event["path"] in closed
        if not (twice and kind == "overlay" and "mmap" in CHANGES[act].ops):
            kept.append(event)
        closed |= {event["path"]} if event["op"] == "close" else set()
    return kept


def check(room, act, report, events, ignored=None):
    """What was done in room.path is told exactly. `ignored`: of each."""
    change = CHANGES[act]
    events = once_closed(room.kind, act, events)
    for event in events:
        if event["op"] == "close":
            assert event["count"] in counts(change, room.kind)
            event["count"] = 1
    events = sorted(events, key=lambda event: event["path"])  # a worker's may come between
    expected.check(events, list(wants(room, report, change.ops)),
                   {"mmap": {"file": BEFORE_THE_DATA},
                    "modify": {"file": BEFORE_THE_DATA, "process": change.who},
                    "close": {"process": change.who}}, ignored)


@pytest.mark.parametrize("act", sorted(CHANGES))
def test_one_modify_and_one_close(room, workloads, act, cell):
    prepare(room.path)
    room.forget()
    report = workloads.run(act, room.path)
    events = once_closed(room.kind, act, room.events())
    if not cell(act, "directly", room.kind, report.refused):
        assert events == []
        return
    check(room, act, report, events)
    if act != "io_uring":  # its last put may come after the act
        expected.check_times(sorted(events, key=lambda event: event["path"]), report,
                             len(CHANGES[act].ops))


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
