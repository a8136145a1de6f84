# SPDX-License-Identifier: GPL-2.0-only
"""Ways to a directory, and what a process does to go each of them."""
import contextlib
import ctypes
import os
from collections import namedtuple

from mounts import (AT_FDCWD, LIBC, MNT_DETACH, bind, check, mount, own_namespace, pivot_root,
                    umount)

HANDLE_BYTES = 128

# directory   as the process must name it
# path        as the host names it meanwhile
# actor       as the record must name it for the actor, None: as the host does
# root, before, pass_fds   of Workloads.run()
# programs    where the process finds the workloads, None: where the host does
Reached = namedtuple("Reached", "directory path actor root before pass_fds programs",
                     defaults=(None, None, None, (), None))


# --- pieces ---------------------------------------------------------------------


def own_root(root, **volumes):
    """In `root` a file system with these directories of the host as volumes, and no more of it."""
    own_namespace()
    mount("none", root, "tmpfs")
    for name in list(volumes) + ["old", "proc"]:
        os.mkdir(os.path.join(root, name))
    for name, path in volumes.items():
        bind(path, os.path.join(root, name))
    mount("proc", root + "/proc", "proc")
    pivot_root(root, root + "/old")
    os.chdir("/")
    umount("/old", MNT_DETACH)


def handle_of(path):
    """What name_to_handle_at gives."""
    handle = ctypes.create_string_buffer(HANDLE_BYTES)
    handle[:4] = (HANDLE_BYTES - 8).to_bytes(4, "little")
    where = ctypes.create_string_buffer(4)
    check(LIBC.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle, where, 0))
    return handle


def open_handle(descriptor, handle, flags):
    """A descriptor of the file with this handle on the file system of another."""
    return check(LIBC.open_by_handle_at(descriptor, handle, flags))


@contextlib.contextmanager
def opened(path):
    """A descriptor of a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def renamed(path):
    """Has another name meanwhile; yields it."""
    other = path + "-renamed"
    os.rename(path, other)
    try:
        yield other
    finally:
        os.rename(other, path)


# --- ways: each yields Reached --------------------------------------------------
# room.outside holds `mnt`, an empty directory, and `link`, a symlink to room.path.


@contextlib.contextmanager
def relative(room, programs):
    del programs
    os.mkdir(room.join("sub"))
    yield Reached("../sub/..", room.path, before=lambda: os.chdir(room.join("sub")))


@contextlib.contextmanager
def by_symlink(room, programs):
    del programs
    yield Reached(room.outside + "/link", room.path)


@contextlib.contextmanager
def by_bind_mount(room, programs):
    del programs
    over = room.outside + "/mnt"
    bind(room.path, over)
    try:
        yield Reached(over, room.path, over)
    finally:
        umount(over, MNT_DETACH)


@contextlib.contextmanager
def in_chroot(room, programs):
    del programs
    below = room.path[len(room.base):]
    yield Reached(below, room.path, below, root=room.base)


@contextlib.contextmanager
def in_namespace(room, programs):
    del programs
    over = room.outside + "/mnt"

    def enter():
        own_namespace()
        bind(room.path, over)
    yield Reached(over, room.path, over, before=enter)


@contextlib.contextmanager
def in_container(room, programs):
    root = room.outside + "/mnt"
    yield Reached("/volume", room.path, "/volume", programs="/programs",
                  before=lambda: own_root(root, volume=room.path, programs=programs))


@contextlib.contextmanager
def by_handle(room, programs):
    del programs
    handle = handle_of(room.path)
    with opened(room.base) as descriptor:
        yield Reached(".", room.path,
                      before=lambda: os.fchdir(open_handle(descriptor, handle, os.O_RDONLY)))


@contextlib.contextmanager
def by_descriptor_name(room, programs):
    del programs
    with opened(room.path) as descriptor:
        yield Reached("/proc/self/fd/%d" % descriptor, room.path, pass_fds=(descriptor,))


@contextlib.contextmanager
def by_directory(room, programs):
    del programs
    with opened(room.path) as descriptor:
        yield Reached(".", room.path, before=lambda: os.fchdir(descriptor))


@contextlib.contextmanager
def by_hard_link(room, programs):
    """Every file of room.path has a second name."""
    del programs
    for directory, _, names in os.walk(room.path):
        other = room.outside + "/links" + directory[len(room.path):]
        os.mkdir(other)
        for name in names:
            os.link(os.path.join(directory, name), os.path.join(other, name))
    yield Reached(room.outside + "/links", room.path, room.outside + "/links")


def when_renamed(directory_of):
    """The directory that `directory_of` the room gives has another name meanwhile."""
    @contextlib.contextmanager
    def way(room, programs):
        del programs
        directory = directory_of(room)
        with renamed(directory) as other:
            path = other + room.path[len(directory):]
            yield Reached(path, path)
    return way


WAYS = {
    "relative": relative,
    "symlinked parent": by_symlink,
    "hard link outside": by_hard_link,
    "bind mount": by_bind_mount,
    "chroot": in_chroot,
    "mount namespace": in_namespace,
    "container": in_container,
    "handle": by_handle,
    "/proc/self/fd": by_descriptor_name,
    "directory descriptor": by_directory,
    "directory renamed": when_renamed(lambda room: room.path),
    "root renamed": when_renamed(lambda room: os.path.dirname(room.path)),
    "ancestor renamed": when_renamed(lambda room: room.base),
}
