# SPDX-License-Identifier: GPL-2.0-only
"""The same change through every way to reach the file: the same two records."""
import contextlib
import ctypes
import os
import traceback
from collections import namedtuple

import pytest

import expected
import fim
from fim import bpf
from fim.kernel import Kernel
from listener import RING_PAGES, Listener
from watcher import Checker
from workload import TIMES, append, error_name, make

LIBC = ctypes.CDLL(None, use_errno=True)
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 1 << 18, 2
CLONE_NEWNS = 0x20000
SYS_PIVOT_ROOT = 155
HANDLE_BYTES = 128
FAILED = 255
NOT_CONTENT = ("mount", "umount")  # the way there has tests of its own


# --- the ways -------------------------------------------------------------------


def call(function, *arguments):
    """Of the C library; raises OSError."""
    words = [a if isinstance(a, (int, ctypes.Array)) or a is None else
             os.fsencode(a) if isinstance(a, str) else a for a in arguments]
    answer = function(*words)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def bind(path, over):
    """A second way to a directory."""
    call(LIBC.mount, path, over, None, MS_BIND, None)


def own_namespace():
    """Mounts that end with this process."""
    call(LIBC.unshare, CLONE_NEWNS)
    call(LIBC.mount, "none", "/", None, MS_REC | MS_PRIVATE, None)


def directly(room):
    append(room.join("file"))


def relative(room):
    os.chdir(room.join("sub"))
    append("../sub/.././file")


def by_symlink(room):
    append(room.outside + "/link/file")


def by_hard_link(room):
    append(room.outside + "/other")


def by_bind_mount(room):
    bind(room.path, room.outside + "/mnt")
    try:
        append(room.outside + "/mnt/file")
    finally:
        call(LIBC.umount2, room.outside + "/mnt", MNT_DETACH)


def in_chroot(room):
    os.chroot(room.base)
    os.chdir("/")
    append(room.join("file")[len(room.base):])


def in_namespace(room):
    own_namespace()
    bind(room.path, room.outside + "/mnt")
    append(room.outside + "/mnt/file")


def in_container(room):
    """A root of its own, with the directory as a volume, and nothing else of the host's."""
    root = room.outside + "/mnt"
    own_namespace()
    call(LIBC.mount, "none", root, b"tmpfs", 0, None)
    os.mkdir(root + "/old")
    os.mkdir(root + "/volume")
    bind(room.path, root + "/volume")
    call(LIBC.syscall, SYS_PIVOT_ROOT, root, root + "/old")
    os.chdir("/")
    call(LIBC.umount2, "/old", MNT_DETACH)
    append("/volume/file")


def handle_of(path):
    """What name_to_handle_at gives."""
    handle = ctypes.create_string_buffer(HANDLE_BYTES)
    handle[:4] = (HANDLE_BYTES - 8).to_bytes(4, "little")
    mount = ctypes.create_string_buffer(4)
    call(LIBC.name_to_handle_at, -100, path, handle, mount, 0)
    return handle


def append_by_handle(room, handle):
    directory = os.open(room.base, os.O_RDONLY)
    file = call(LIBC.open_by_handle_at, directory, handle, os.O_WRONLY | os.O_APPEND)
    os.write(file, b"one line more\n")
    os.close(file)


def by_handle(room):
    append_by_handle(room, handle_of(room.join("file")))


def by_descriptor_name(room):
    append("/proc/self/fd/%d" % os.open(room.join("file"), os.O_RDONLY))


def by_directory(room):
    directory = os.open(room.path, os.O_RDONLY)
    os.chdir("/")
    file = os.open("file", os.O_WRONLY | os.O_APPEND, dir_fd=directory)
    os.write(file, b"one line more\n")
    os.close(file)


# `actor` is the path as it was reached, where it is another.
Way = namedtuple("Way", "act actor", defaults=(lambda room: None,))
WAYS = {
    "directly": Way(directly),
    "relative": Way(relative),
    "symlinked parent": Way(by_symlink),
    "hard link outside": Way(by_hard_link, lambda room: room.outside + "/other"),
    "bind mount": Way(by_bind_mount, lambda room: room.outside + "/mnt/file"),
    "chroot": Way(in_chroot, lambda room: room.join("file")[len(room.base):]),
    "mount namespace": Way(in_namespace, lambda room: room.outside + "/mnt/file"),
    "container": Way(in_container, lambda room: "/volume/file"),
    "handle": Way(by_handle),
    "/proc/self/fd": Way(by_descriptor_name),
    "directory descriptor": Way(by_directory),
}


# --- what is told ---------------------------------------------------------------


def in_child(act, *arguments):
    """`act` in a process of its own: (its id, None or the name of the error it met)."""
    pid = os.fork()
    if pid == 0:
        status = FAILED
        try:
            act(*arguments)
            status = 0
        except OSError as error:
            traceback.print_exc()
            status = error.errno
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) != FAILED
    return pid, error_name(os.WEXITSTATUS(status))


def check_change(events, path, pid, names=(), **members):
    """One modify and one close of the file at `path` and nothing else."""
    status = os.stat(path)
    assert [event["op"] for event in events] == ["modify", "close"]
    for event in events:
        assert event["path"] == path, expected.summary(events)
        assert (event["matched"], event["process"]["pid"]) == ("inode", pid)
        assert (event["path_complete"], event["path_mount"]) == (True, "exact")
        assert event["file"]["ino"] == str(status.st_ino)
        assert (event["names_known"], event["file"]["nlink"]) == (status.st_nlink,) * 2
        assert sorted(event.get("known_paths", [])) == sorted(names)
        for member, value in members.items():
            assert event.get(member) == value


def content(events):
    return [event for event in events if event["op"] not in NOT_CONTENT]


def prepare(room, way):
    """The file, and what the ways need."""
    path = make(room.join("file"))
    os.mkdir(room.join("sub"))
    os.mkdir(room.outside + "/mnt")
    os.symlink(room.path, room.outside + "/link")
    if way == "hard link outside":
        os.link(path, room.outside + "/other")
    return path


@pytest.mark.parametrize("way", sorted(WAYS))
def test_reached(room, way, cell):
    path = prepare(room, way)
    room.forget()
    pid, refused = in_child(WAYS[way].act, room)
    events = content(room.events())
    if not cell("append", way, room.kind, refused):
        assert events == []
        return
    actor = WAYS[way].actor(room)
    names = [path, actor] if way == "hard link outside" else []
    check_change(events, path, pid, names, actor_path=actor)


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


def test_by_a_handle_whose_name_is_not_cached(room, cell):
    """The kernel has no name for what it opens: the known ones are told."""
    path = prepare(room, None)
    handle = handle_of(path)
    room.forget()
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2\n")
    pid, refused = in_child(append_by_handle, room, handle)
    cell("append", "handle, uncached", room.kind, refused)
    events = room.events()
    for event in events:
        if event["path"] is None:
            assert event.pop("known_paths") == [path]
            event.update(path=path, path_complete=True, path_mount="exact")
    check_change(events, path, pid)


# --- what is renamed ------------------------------------------------------------


@contextlib.contextmanager
def renamed(path):
    """Has another name meanwhile; yields it."""
    other = path + "-renamed"
    os.rename(path, other)
    try:
        yield other
    finally:
        os.rename(other, path)


def check_renamed(room, directory, cell, way):
    make(room.join("file"))
    room.forget()
    with renamed(directory) as other:
        path = other + room.join("file")[len(directory):]
        pid, refused = in_child(append, path)
        cell("append", way, room.kind, refused)
        rename, *events = room.events()
        assert (rename["op"], rename["old_path"], rename["path"]) == ("rename", directory, other)
        check_change(events, path, pid)
    room.forget()


def test_a_directory_was_renamed(room, cell):
    check_renamed(room, room.path, cell, "directory renamed")


def test_the_root_was_renamed(room, cell):
    check_renamed(room, os.path.dirname(room.path), cell, "root renamed")


def test_an_ancestor_was_renamed(room, cell):
    check_renamed(room, room.base, cell, "ancestor renamed")


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
                check_change(events, path, os.getpid())
    finally:
        attachment.close()
