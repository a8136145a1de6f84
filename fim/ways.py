"""Ways to a directory other than its name: what a process does to go each, before it acts.

Each is gone in a process of its own, which ends with it.
"""

import ctypes
import os
from collections import namedtuple

__all__ = ["WAYS"]

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
AT_FDCWD = -100
HANDLE_BYTES = 128
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    """What a call of libc gave; OSError."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def bind(path, point):
    """In a mount namespace of our own."""
    mount = LIBC.mount
    mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    check(LIBC.unshare(CLONE_NEWNS))
    check(mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    check(mount(os.fsencode(path), os.fsencode(point), None, MS_BIND, None))


# Each is given the directory and an empty room of its own, and gives the name to act by.


def by_name(path, room):
    """As it is: what is not seen so is not the way's fault."""
    return path


def relative(path, room):
    """From a directory in it."""
    os.chdir(os.path.join(path, "m"))
    return ".."


def by_symlink(path, room):
    """To the directory."""
    os.symlink(path, room + "/link")
    return room + "/link"


def by_link(path, room):
    """Another name of the file, in a directory that nobody watches."""
    other = os.path.join(room, os.path.basename(path))
    os.mkdir(other)
    os.link(path + "/a", other + "/a")
    return other


def by_bind_mount(path, room):
    """In a mount namespace of our own."""
    point = os.path.join(room, os.path.basename(path))
    os.mkdir(point)
    bind(path, point)
    return point


def in_chroot(path, room):
    """Of the directory above."""
    os.chroot(os.path.dirname(path))
    os.chdir("/")
    return "/" + os.path.basename(path)


def by_descriptor_name(path, room):
    """/proc leads to it."""
    return "/proc/self/fd/%d" % os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def by_directory(path, room):
    """Without a name, as the *at() calls go."""
    os.fchdir(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
    return "."


def by_handle(path, room):
    """As a file server opens it."""
    handle, where = ctypes.create_string_buffer(HANDLE_BYTES), ctypes.create_string_buffer(4)
    handle[:4] = (HANDLE_BYTES - 8).to_bytes(4, "little")
    check(LIBC.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle, where, 0))
    above = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fchdir(check(LIBC.open_by_handle_at(above, handle, os.O_RDONLY)))
    return "."


# `without` are acts that cannot be done so: by a link alone those that make and move names; in a
# chroot the mount, which wants the root of its namespace; by a descriptor's name it, too, since
# that leads to the mount of the namespace in which it was opened.
Way = namedtuple("Way", "name reach without")
NAMES = {"create", "link", "rename", "symlink", "mknod", "mkdir", "rmdir", "unlink", "mount"}

WAYS = tuple(Way(*row) for row in (
    ("its name", by_name, ()),
    ("relative", relative, ()),
    ("symbolic link", by_symlink, ()),
    ("hard link elsewhere", by_link, NAMES),
    ("bind mount", by_bind_mount, ()),
    ("chroot", in_chroot, {"mount"}),
    ("/proc/self/fd", by_descriptor_name, {"mount"}),
    ("directory descriptor", by_directory, ()),
    ("file handle", by_handle, ()),
))
