# SPDX-License-Identifier: GPL-2.0-only
"""Each act done 23 times gives exactly its records, each member right, and nothing else."""
import base64
import fcntl
import os
import struct
from collections import namedtuple

import pytest

import expected
from matrix import symbols
from workload import TIMES

# prepare(directory, times) makes what the workload needs there; wants(room, report)
# gives the records of what it did in room.path; `ignored` what of them another test looks at.
Act = namedtuple("Act", "prepare wants ignored", defaults=({},))

WRITTEN = {"modify": {"file": ("size", "mtime", "ctime")}}  # test_modify_is_told_at_once
GONE = {"unlink": {"file": ("ctime",)}, "rmdir": {"file": ("ctime", "mtime", "size")},
        "rename": {"replaced": ("ctime",)}}
# xfs keeps a directory's size where only xfs looks; an overlay's directories have one link.
UNTOLD = {"xfs": {"mkdir": {"file": ("size",)}}, "overlay": {"mkdir": {"file": ("nlink",)}}}
XATTR = "trusted.fim"
# (tag, permissions, id): owner, user 1, group, mask, others (linux/posix_acl.h)
ONE_MORE_READER = [(1, 6, -1), (2, 4, 1), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
FS_IOC_GETVERSION = 0x80087601


# --- what is there before ------------------------------------------------------


def nothing(directory, times=TIMES):
    del directory, times


def files(letters):
    """Files f00, ... with content, owner and mode of their own."""
    def prepare(directory, times=TIMES):
        for letter in letters:
            for n in range(times):
                path = name(directory, letter, n)
                with open(path, "w") as file:
                    file.write("before, %s\n" % letter)
                os.chmod(path, 0o640)
                os.chown(path, 1, 2)
    return prepare


def directories(directory, times=TIMES):
    for n in range(times):
        os.mkdir(name(directory, "f", n))


def labelled(directory, times=TIMES):
    files("f")(directory, times)
    for n in range(times):
        os.setxattr(name(directory, "f", n), XATTR, b"before")


def name(directory, letter, n):
    return os.path.join(directory, "%s%02d" % (letter, n))


# --- what is told of it --------------------------------------------------------


def one(op, letter="f", **members):
    """One record an act, of what is there after it."""
    def wants(room, report):
        return [expected.event(report, op, name(room.path, letter, act["n"]), act["is"], **members)
                for act in report.acts]
    return wants


def wants_nothing(room, report):
    del room, report
    return []


def writes(*before, count=1):
    """Records of the `before` acts, then modify and close."""
    def wants(room, report):
        records = []
        for act in report.acts:
            path = name(room.path, "f", act["n"])
            records += [expected.event(report, op, path, dict(act["is"], size=0), matched="parent")
                        for op in before]
            records += [expected.event(report, "modify", path, act["is"]),
                        expected.event(report, "close", path, act["is"], count=count, bytes=None)]
        return records
    return wants


def changes(op, *keys, **members):
    """One record an act, with what these attributes were before."""
    def wants(room, report):
        return [expected.event(report, op, name(room.path, "f", act["n"]), act["is"],
                               changed={key: {"before": act["was"][key], "after": act["is"][key]}
                                        for key in keys}, **members)
                for act in report.acts]
    return wants


def mapped(room, report):
    """The close is told whatever was seen: a store may pass unseen."""
    records = []
    for act in report.acts:
        path = name(room.path, "f", act["n"])
        records += [expected.event(report, "mmap", path, act["is"]),
                    expected.event(report, "close", path, act["is"], count=0, bytes=None)]
    return records


def value(attribute, text):
    """The `xattr` member."""
    return {"name": attribute, "size": len(text), "value_cut": False,
            "value_b64": base64.b64encode(text).decode("ascii")}


def access_list(room, report):
    """From 6.2 on the kernel has no bytes of it where it is set, from 6.9 on its entries."""
    name = "system.posix_acl_access"
    entries = [struct.pack("<HHi", *entry) for entry in ONE_MORE_READER]
    told = value(name, b"".join([struct.pack("<I", 2)] + entries))
    name_only = "vfs_set_acl" in symbols() and "security_inode_post_set_acl" not in symbols()
    return one("setxattr", xattr={"name": name} if name_only else told)(room, report)


def gone(op):
    """A name removed: what it was, with no links left."""
    def wants(room, report):
        return [expected.event(report, op, name(room.path, "f", act["n"]),
                               dict(act["was"], nlink=0), names_known=0) for act in report.acts]
    return wants


def whiteouts(room, report):
    """The rename, and the device that it leaves."""
    records = []
    for act in report.acts:
        old, new = name(room.path, "f", act["n"]), name(room.path, "g", act["n"])
        records += [expected.event(report, "rename", new, act["is"], old_path=old, exchange=False,
                                   replaced=None),
                    expected.event(report, "mknod", old, act["other"], matched="parent",
                                   rdev="0:0")]
    return records


def renames(replaced=False, exchange=False):
    def wants(room, report):
        return [expected.event(report, "rename", name(room.path, "g", act["n"]), act["is"],
                               old_path=name(room.path, "f", act["n"]), exchange=exchange,
                               replaced=dict(act["was"], nlink=0) if replaced else None)
                for act in report.acts]
    return wants


def links(room, report):
    paths = [(name(room.path, "f", act["n"]), name(room.path, "g", act["n"]))
             for act in report.acts]
    return [expected.event(report, "link", new, act["is"], target_path=old, created=False,
                           names_known=2, known_paths=[old, new])
            for act, (old, new) in zip(report.acts, paths)]


ACTS = {
    "create": Act(nothing, one("create", matched="parent")),
    "create_threaded": Act(nothing, one("create", matched="parent")),
    "create_write": Act(nothing, writes("create"),
                        dict(WRITTEN, create={"file": ("mtime", "ctime")})),
    "create_exclusive": Act(nothing, one("create", matched="parent")),
    "write": Act(files("f"), writes(), WRITTEN),
    "write_same": Act(files("f"), writes(), WRITTEN),
    "write_once": Act(files("f"), writes(count=TIMES), WRITTEN),
    "write_by_two": Act(files("f"), writes(count=TIMES), WRITTEN),
    "read": Act(files("f"), wants_nothing),
    "unlink": Act(files("f"), gone("unlink"), GONE),
    "rename": Act(files("f"), renames()),
    "rename_over": Act(files("fg"), renames(replaced=True), GONE),
    "rename_noreplace": Act(files("f"), renames()),
    "whiteout": Act(files("f"), whiteouts),
    "exchange": Act(files("fg"), renames(exchange=True)),
    "mkdir": Act(nothing, one("mkdir", matched="parent")),
    "rmdir": Act(directories, gone("rmdir"), GONE),
    "symlink": Act(nothing, one("symlink", matched="parent", target="../anywhere at all")),
    "link": Act(files("f"), links),
    "mknod": Act(nothing, one("mknod", matched="parent")),
    "bind_socket": Act(nothing, one("mknod", matched="parent")),
    "mknod_device": Act(nothing, one("mknod", matched="parent", rdev="1:3")),
    "truncate": Act(files("f"), changes("truncate", "size")),
    "ftruncate": Act(files("f"), changes("truncate", "size")),
    "open_truncate": Act(files("f"), changes("truncate", "size")),
    "chmod": Act(files("f"), changes("chmod", "mode")),
    "fchmodat2": Act(files("f"), changes("chmod", "mode")),
    "chown": Act(files("f"), changes("chown", "uid", "gid")),
    "utimes": Act(files("f"), changes("utimes", "mtime")),
    "setxattr": Act(files("f"), one("setxattr", xattr=value(XATTR, b"a\0b"))),
    "set_label": Act(files("f"), one("setxattr", xattr=value(
        "security.SMACK64", b"a_label"))),
    "set_capability": Act(files("f"), one("setxattr", xattr=value(
        "security.capability", struct.pack("<5I", 0x02000000, 1 << 13, 0, 0, 0)))),
    "set_acl": Act(files("f"), access_list),
    "removexattr": Act(labelled, one("removexattr", xattr={"name": XATTR})),
    "setflags": Act(files("f"), one("setflags", flags=["noatime"], changed={
        "flags": {"before": [], "after": ["noatime"]}})),
    "setflags_at": Act(files("f"), one("setflags", flags=["noatime"], changed={
        "flags": {"before": [], "after": ["noatime"]}})),
    "verity": Act(files("f"), one("setflags", flags=["verity"], changed={
        "flags": {"before": [], "after": ["verity"]}})),
    "map_only": Act(files("f"), mapped),
    "protect": Act(files("f"), mapped),
    "publish": Act(nothing, one("link", matched="parent", target_path=None, created=True)),
}


def check(room, act, report, events, ignored=None):
    """What was done in room.path is told exactly; its records. `ignored`: of each."""
    wants = ACTS[act].wants(room, report)
    left_out = dict(UNTOLD.get(room.kind, {}), **ACTS[act].ignored)
    expected.check(events, wants, left_out, ignored)
    return wants


@pytest.mark.parametrize("act", sorted(ACTS))
def test_exactly_these_records(room, workloads, act, cell):
    ACTS[act].prepare(room.path)
    room.forget()
    report = workloads.run(act, room.path)
    cell(act, "directly", room.kind, report.refused)
    events = room.events()
    wants = check(room, act, report, events)
    if wants:
        expected.check_times(events, report, len(wants) // len(report.acts))


@pytest.mark.parametrize("act", sorted(ACTS))
def test_the_same_names_outside_give_nothing(room, workloads, act):
    ACTS[act].prepare(room.outside)
    room.forget()
    workloads.run(act, room.outside)
    assert room.events() == []


def test_modify_is_told_at_once(room, workloads):
    """Its attributes are those of before or of after the first write, of nothing else."""
    files("f")(room.path)
    room.forget()
    report = workloads.run("write", room.path)
    modified = [event for event in room.events() if event["op"] == "modify"]
    for act, event in zip(report.acts, modified):
        for member in ("size", "mtime"):
            assert event["file"][member] in (act["was"][member], act["is"][member])


def test_removed_is_told_with_its_last_change(room, workloads):
    """ctime is that of the removal: not before the file was made."""
    files("f")(room.path)
    room.forget()
    report = workloads.run("unlink", room.path)
    for act, event in zip(report.acts, room.events()):
        assert act["was"]["ctime"] <= event["file"]["ctime"] <= event["time"]


def test_generation_is_the_inode_s(room, workloads):
    workloads.run("create", room.path)
    events = room.events()
    assert len(events) == TIMES
    for event in events:
        assert generation(event["path"]) in (event["kernel"]["generation"], None)


def generation(path):
    """Of an inode, None where the file system does not tell."""
    with open(path, "rb") as file:
        try:
            answer = fcntl.ioctl(file, FS_IOC_GETVERSION, bytes(8))
        except OSError:
            return None
    return struct.unpack("=I", answer[:4])[0]
