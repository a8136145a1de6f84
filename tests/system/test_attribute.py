# SPDX-License-Identifier: GPL-2.0-only
"""Attributes set by ways that a workload does not show: several at once, by others, in vain."""
import ctypes
import errno
import fcntl
import mmap
import os
import struct

import pytest

from workload import make

ACL = "system.posix_acl_access"
FS_IOC_SETFLAGS, FS_IOC_GETFLAGS = 0x40086602, 0x80086601
FS_IMMUTABLE, FS_NODUMP = 0x10, 0x40
PROT_READ, PROT_WRITE = 1, 2
NOBODY = 65534


def acl(*entries):
    """A POSIX ACL as its extended attribute: (tag, permissions, id) each."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


# user::rw- user:1:r-- group::r-- mask::r-- other::---
ONE_MORE_READER = acl((1, 6, 2**32 - 1), (2, 4, 1), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1),
                      (32, 0, 2**32 - 1))


def told(events, *members):
    """(op, members...) of each."""
    return [(event["op"],) + tuple(event.get(member) for member in members) for event in events]


def change(**fields):
    """The `changed` member."""
    return {key: dict(zip(("before", "after"), pair)) for key, pair in fields.items()}


def as_nobody(act):
    """Run in a child that is not root; its errno, or 0."""
    child = os.fork()
    if not child:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            act()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


def set_flags(path, flags):
    """As chattr does it."""
    with open(path, "rb") as file:
        fcntl.ioctl(file, FS_IOC_SETFLAGS, struct.pack("l", flags))


def test_chown_takes_the_set_uid_bit(room):
    """One act of the kernel, two operations."""
    path = make(room.join("program"))
    os.chmod(path, 0o4755)
    room.forget()
    os.chown(path, 3, 4)
    assert told(room.events(), "changed") == [
        ("chmod", change(mode=("4755", "0755"))), ("chown", change(uid=(0, 3), gid=(0, 4)))]


def test_a_write_takes_the_set_uid_bit(room, cell):
    cell("strip_set_uid", "directly", room.kind)
    path = make(room.join("program"))
    os.chmod(path, 0o6777)
    room.forget()
    assert as_nobody(lambda: make(path, "changed by one who is not root\n")) == 0
    events = room.events()
    ops = [event["op"] for event in events]
    assert ops.count("chmod") == ops.count("truncate") == ops.count("close") == 1, ops
    mode, = (event for event in events if event["op"] == "chmod")
    assert mode["changed"] == change(mode=("6777", "0777"))
    assert mode["process"]["uid"] == NOBODY


def test_truncated_by_open_when_it_is_empty(room):
    """O_TRUNC changes nothing then; what is written is told."""
    path = make(room.join("file"), "")
    room.forget()
    make(path)
    assert told(room.events()) == [("modify",), ("close",)]


def test_truncated_by_open_and_written(room):
    path = make(room.join("file"), "before\n")
    room.forget()
    make(path, "x\n")
    assert told(room.events(), "count") == [("truncate", None), ("modify", None), ("close", 1)]


@pytest.mark.parametrize("change_times, changed", [
    (lambda path: os.utime(path, (1, 2)), {"mtime"}),
    (lambda path: os.utime(path, ns=(1, os.stat(path).st_mtime_ns)), set()),
])
def test_utimes(room, change_times, changed):
    """Also of the access time alone."""
    path = make(room.join("file"))
    room.forget()
    change_times(path)
    event, = room.events()
    assert (event["op"], set(event["changed"])) == ("utimes", changed)


def test_of_directories_links_and_devices(room):
    os.mkdir(room.join("directory"))
    os.symlink("nowhere", room.join("link"))
    os.mkfifo(room.join("fifo"))
    room.forget()
    os.chmod(room.join("directory"), 0o711)
    os.chown(room.join("link"), 1, 1, follow_symlinks=False)
    os.utime(room.join("fifo"))
    assert [(event["op"], event["path"], event["file"]["type"]) for event in room.events()] == [
        ("chmod", room.join("directory"), "directory"), ("chown", room.join("link"), "symlink"),
        ("utimes", room.join("fifo"), "fifo")]


def test_by_descriptor(room):
    path = make(room.join("file"))
    room.forget()
    with open(path, "r+b") as file:
        os.fchmod(file.fileno(), 0o600)
        os.fchown(file.fileno(), 1, 1)
        os.setxattr(file.fileno(), "trusted.x", b"y")
        os.unlink(path)
        os.fchmod(file.fileno(), 0o644)
    assert told(room.events(), "path", "deleted") == [
        ("chmod", path, False), ("chown", path, False), ("setxattr", path, False),
        ("unlink", path, False), ("chmod", path, True)]


def test_posix_acl(room):
    path = make(room.join("file"))
    room.forget()
    os.setxattr(path, ACL, ONE_MORE_READER)
    os.removexattr(path, ACL)
    events = room.events()
    assert [event["op"] for event in events] == ["setxattr", "removexattr"]
    assert all(event["xattr"]["name"] == ACL for event in events)
    assert events[0]["file"]["mode"] == "0640"


def test_capabilities(room):
    """What setcap(8) writes."""
    path = make(room.join("program"))
    value = struct.pack("<5I", 0x02000001, 1 << 12, 0, 0, 0)
    room.forget()
    os.setxattr(path, "security.capability", value)
    event, = room.events()
    assert (event["op"], event["xattr"]["name"]) == ("setxattr", "security.capability")
    assert event["xattr"]["size"] == len(value) and not event["xattr"]["value_cut"]


def test_a_long_value_is_cut(room):
    path = make(room.join("file"))
    room.forget()
    os.setxattr(path, "trusted.long", b"v" * 1000)
    event, = room.events()
    assert (event["xattr"]["size"], event["xattr"]["value_cut"]) == (1000, True)


def test_in_vain(room):
    """What fails changes nothing and is not told."""
    path = make(room.join("file"))
    os.chmod(path, 0o644)
    room.forget()
    assert as_nobody(lambda: os.chmod(path, 0o777)) == errno.EPERM
    assert as_nobody(lambda: os.chown(path, NOBODY, NOBODY)) == errno.EPERM
    assert as_nobody(lambda: os.utime(path, (1, 1))) == errno.EPERM
    assert as_nobody(lambda: os.truncate(path, 0)) == errno.EACCES
    assert as_nobody(lambda: os.setxattr(path, "user.x", b"y")) != 0
    assert room.events() == []


def flags_of(path):
    """An OSError where the file system has none."""
    with open(path, "rb") as file:
        return struct.unpack("l", fcntl.ioctl(file, FS_IOC_GETFLAGS, bytes(8)))[0]


@pytest.fixture
def flagged(room, cell):
    """A new file and its flags; a room without flags, as reviewed, has neither."""
    path, refused = make(room.join("file")), None
    os.chmod(path, 0o644)
    try:
        flags = flags_of(path)
    except OSError as error:
        flags, refused = None, errno.errorcode[error.errno]
    room.forget()
    return (path, flags) if cell("setflags", "directly", room.kind, refused) else None


def test_immutable(room, flagged):
    """chattr +i, and what it forbids."""
    if not flagged:
        return
    path, flags = flagged
    set_flags(path, flags | FS_IMMUTABLE)
    with pytest.raises(OSError):
        os.unlink(path)
    set_flags(path, flags)
    assert told(room.events(), "flags", "changed") == [
        ("setflags", ["immutable"], change(flags=([], ["immutable"]))),
        ("setflags", [], change(flags=(["immutable"], [])))]


def test_a_flag_that_only_the_file_system_knows(room, flagged):
    if not flagged:
        return
    path, flags = flagged
    set_flags(path, flags | FS_NODUMP)
    assert told(room.events(), "flags", "changed") == [("setflags", [], {})]


def test_flags_in_vain(room, flagged):
    if not flagged:
        return
    path, flags = flagged
    assert as_nobody(lambda: set_flags(path, flags | FS_IMMUTABLE)) in (errno.EPERM, errno.EACCES)
    assert room.events() == []


def test_made_writable_after_it_was_mapped(room):
    """mprotect: the shared map was read-only until then."""
    path = make(room.join("file"), "x" * mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file:
        area = mmap.mmap(file.fileno(), mmap.PAGESIZE, prot=PROT_READ)
    room.forget()
    view = (ctypes.c_char * mmap.PAGESIZE).from_address(address_of(path))
    assert libc.mprotect(ctypes.byref(view), mmap.PAGESIZE, PROT_READ | PROT_WRITE) == 0
    mapped, = room.events()
    assert (mapped["op"], mapped["path"]) == ("mmap", path)
    area.close()
    closed, = room.events()
    assert (closed["op"], closed["count"]) == ("close", 0)


def address_of(path):
    """Where this process has mapped a file."""
    with open("/proc/self/maps") as lines:
        return next(int(line.split("-")[0], 16) for line in lines if line.rstrip().endswith(path))


def test_private_and_read_only_maps_are_not_told(room):
    path = make(room.join("file"), "x" * mmap.PAGESIZE)
    room.forget()
    with open(path, "r+b") as file:
        for arguments in ({"flags": mmap.MAP_PRIVATE}, {"prot": PROT_READ}):
            mmap.mmap(file.fileno(), mmap.PAGESIZE, **arguments).close()
    assert room.events() == []


def test_of_a_directory_that_is_watched_for_a_name(watcher, scratch):
    """Its own attributes are nobody's."""
    watcher.settle()
    os.chmod(str(scratch / "lone"), 0o750)
    os.chmod(str(scratch / "lone" / "file"), 0o600)
    assert told(watcher.events(), "path") == [("chmod", str(scratch / "lone" / "file"))]
