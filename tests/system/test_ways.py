# SPDX-License-Identifier: GPL-2.0-only
"""Every operation through every way to the file: the same records of the same path."""
import os
from collections import namedtuple

import pytest

import expected
import fim
import test_acts
import test_content
from fim import bpf
from fim.kernel import Kernel
from listener import RING_PAGES, Listener
from matrix import NOT_SEEN
from watcher import Checker
from ways import WAYS, handle_of, open_handle
from workload import TIMES, Workloads, error_name, make

NOT_ACTS = ("mount", "umount")  # the way there has tests of its own
ONCE = 1
# The same act by another count or thread has tests of its own.
NAMES = sorted(set(test_acts.ACTS) - {"read", "create_threaded", "write_once", "write_by_two"})
CONTENTS = sorted(test_content.CHANGES)
# Through a second name of the file alone: what changes names has others there.
OF_THE_FILE = CONTENTS + ["write", "truncate", "ftruncate", "open_truncate", "chmod", "chown",
                          "fchmodat2", "utimes", "setxattr", "removexattr", "set_label",
                          "set_capability", "set_acl", "setflags", "setflags_at", "verity",
                          "map_only", "protect"]
# Hooks of the other operations know a dentry only.
OF_A_MOUNT = {"modify", "close", "mmap"}
# How the process names itself and its directory differs by the way.
ITS_OWN = {"process": ("cwd", "exe")}

Place = namedtuple("Place", "path kind")  # what the tables of acts ask of a room


def prepare(room, acts):
    """A directory for each act, and what the ways need."""
    for act in acts:
        os.mkdir(room.join(act))
        table = test_content if act in CONTENTS else test_acts.ACTS[act]
        table.prepare(room.join(act), ONCE)
    os.mkdir(room.outside + "/mnt")
    os.symlink(room.path, room.outside + "/link")


def take_actor_paths(events, reached):
    """What they say of the actor's own names is right, and said where the hook knows the mount;
    it is taken from them."""
    for event in events:
        told = event.pop("actor_path", None)
        actor = event["path"].replace(reached.path, reached.actor, 1) if reached.actor else None
        if told or event["op"] in OF_A_MOUNT:
            assert told == actor, expected.summary([event])


def take_second_names(events, reached):
    """Both names of the file are known; they are taken from the records."""
    for event in events:
        names = [event["path"], event["path"].replace(reached.path, reached.directory, 1)]
        assert (sorted(event.pop("known_paths")), event["names_known"]) == (sorted(names), 2)
        event["names_known"] = 1


def check(act, kind, report, events, reached, way):
    """The records of one act."""
    place = Place(os.path.join(reached.path, act), kind)
    assert all(event["path_complete"] for event in events), events
    take_actor_paths(events, reached)
    if way == "hard link outside":
        take_second_names(events, reached)
    table = test_content if act in CONTENTS else test_acts
    table.check(place, act, report, events, ITS_OWN)


def go(room, way, workloads, acts):
    """(Reached, {act: its report}, {process: its records}) of all acts by this way."""
    with WAYS[way](room, workloads.directory) as reached:
        room.forget()
        programs = Workloads(reached.programs) if reached.programs else workloads
        reports = {act: programs.run(act, os.path.join(reached.directory, act), ONCE,
                                     root=reached.root, before=reached.before,
                                     pass_fds=reached.pass_fds) for act in acts}
        events = [event for event in room.events() if event["op"] not in NOT_ACTS]
    found = {report.who["pid"]: [] for report in reports.values()}
    for event in events:
        found[event["process"]["pid"]].append(event)
    return reached, reports, found


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_operation(room, way, workloads, cell):
    acts = OF_THE_FILE if way == "hard link outside" else NAMES + CONTENTS
    prepare(room, acts)
    try:
        reached, reports, found = go(room, way, workloads, acts)
    except OSError as error:
        assert not [act for act in acts if cell(act, way, room.kind, error_name(error.errno))]
        return
    faults = []
    for act, report in reports.items():
        events = found[report.who["pid"]]
        try:
            if report.refused:
                assert events == []
            else:
                check(act, room.kind, report, events, reached, way)
            cell(act, way, room.kind, report.refused)
        except AssertionError as fault:
            cell.note(act, way, room.kind, NOT_SEEN)
            faults.append("%s: %s" % (act, str(fault)[:2000]))
    assert not faults, "\n".join(faults)


def test_by_32_bit_calls(room, workloads, cell):
    for n in range(TIMES):
        make(room.join("f%02d" % n))
    room.forget()
    report = workloads.run("append_32", room.path)
    cell("append", "32-bit", room.kind, report.refused)
    wants = [expected.event(report, op, room.join("f%02d" % act["n"]), act["is"], **members)
             for act in report.acts
             for op, members in (("modify", {}), ("close", {"count": 1, "bytes": None}))]
    expected.check(room.events(), wants, {"modify": {"file": ("size", "mtime", "ctime")}})


def append_by_handle(room, handle):
    directory = os.open(room.base, os.O_RDONLY)
    file = open_handle(directory, handle, os.O_WRONLY | os.O_APPEND)
    os.write(file, b"one line more\n")
    os.close(file)
    os.close(directory)


def check_change(events, path):
    """One modify and one close by this process of the file at `path` and nothing else."""
    status = os.stat(path)
    assert [event["op"] for event in events] == ["modify", "close"]
    for event in events:
        assert event["path"] == path, expected.summary(events)
        assert (event["matched"], event["process"]["pid"]) == ("inode", os.getpid())
        assert (event["path_complete"], event["path_mount"]) == (True, "exact")
        assert event["file"]["ino"] == str(status.st_ino)
        assert (event["names_known"], event["file"]["nlink"]) == (1, 1)


def test_by_a_handle_whose_name_is_not_cached(room, cell):
    """The kernel has no name for what it opens: the known ones are told."""
    path = make(room.join("file"))
    try:
        handle = handle_of(path)
    except OSError as error:
        cell("append", "uncached-handle", room.kind, error_name(error.errno))
        return
    room.forget()
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2\n")
    append_by_handle(room, handle)
    cell("append", "uncached-handle", room.kind)
    events = room.events()
    for event in events:
        if event["path"] is None:
            assert event.pop("known_paths") == [path]
            event.update(path=path, path_complete=True, path_mount="exact")
    check_change(events, path)


# --- what is older than the monitor ---------------------------------------------


def test_by_an_older_descriptor(base, cell, request):
    """Open since before the hooks were attached: its next write and its close are seen."""
    paths = {}
    for kind in base:
        directory = os.path.join(base[kind], "outside", request.node.name)
        os.mkdir(directory)
        paths[kind] = make(directory + "/file")
    files = {kind: os.open(path, os.O_WRONLY | os.O_APPEND) for kind, path in paths.items()}
    attachment, checker = bpf.attach(Kernel.of_this_host(), 65536), Checker()
    try:
        with fim.Monitor(*map(os.path.dirname, paths.values()), attachment=attachment,
                         ring_pages=RING_PAGES) as monitor:
            listener = Listener(monitor, checker)
            listener.settle()
            for kind, path in paths.items():
                os.write(files[kind], b"one line more\n")
                os.close(files[kind])
                events = [record for record in listener.settle() if record["kind"] == "event"]
                cell("append", "older descriptor", kind)
                check_change(events, path)
    finally:
        attachment.close()
