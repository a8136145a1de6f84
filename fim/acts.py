"""Every operation that fim tells of, as one act on scratch files each, and what its record says."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import stat
from collections import namedtuple

__all__ = ["ACTS", "FORKING", "FURNITURE", "PATHS", "furnish"]

XATTR = "trusted.fim"
MTIME = 10**9  # seconds
FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602


def furnish(directory):
    """What the acts need and must not depend on one another for."""
    create(directory + "/a")
    os.mkdir(directory + "/m")


def write(path):
    """Modify a file and close it."""
    with open(path, "r+b") as file:
        file.write(b"canary\n")


def create(path):
    """Create a file without writing to it."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def store(path):
    """Map a file, shared and writable."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 1):
        pass


def set_flags(path):
    """As chattr does it; the flags stay as they are."""
    with open(path, "rb") as file:
        flags = fcntl.ioctl(file, FS_IOC_GETFLAGS, bytes(8))
        fcntl.ioctl(file, FS_IOC_SETFLAGS, flags)


CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def open_device(path):
    """A block device that is not there: the attempt is the proof."""
    os.mknod(path, stat.S_IFBLK | 0o600, 0)
    os.close(os.open(path, os.O_WRONLY))


def mount_and_unmount(directory):
    """In a mount namespace of a child's own: nobody else's is touched. What is mounted
    takes device nodes, which /run often does not."""
    libc = ctypes.CDLL(None)
    mount, unmount, unshare = libc.mount, libc.umount2, libc.unshare
    mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    point, failed = os.fsencode(directory), 1
    child = os.fork()
    if child == 0:
        try:
            failed = (unshare(CLONE_NEWNS) or mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
                      or mount(b"none", point, b"tmpfs", 0, None))
            if not failed:
                with contextlib.suppress(OSError):
                    open_device(os.path.join(point, b"b"))
                failed = unmount(point, 0)
        finally:
            os._exit(failed and 1)
    if os.waitpid(child, 0)[1]:
        raise OSError(errno.EPERM, "no mount in a namespace of its own")


# `expected` of a record: its members by path; the paths in them below the scratch.
Act = namedtuple("Act", "operation perform expected")
PATHS = {"path", "old_path", "target_path"}

# What is done, in an order in which each finds what it needs; `modify` and `mount` are
# several operations.
ACTS = tuple(Act(*row) for row in (
    ("create", lambda d: create(d + "/n"), {"create": {"path": "n", "file.type": "file"}}),
    ("modify", lambda d: write(d + "/a"), {"modify": {"path": "a"},
                                           "close": {"path": "a", "count": 1}}),
    ("mmap", lambda d: store(d + "/a"), {"mmap": {"path": "a"}}),
    ("truncate", lambda d: os.truncate(d + "/a", 1), {"truncate": {"path": "a", "file.size": 1}}),
    ("chmod", lambda d: os.chmod(d + "/a", 0o640), {"chmod": {"path": "a", "file.mode": "0640"}}),
    ("chown", lambda d: os.chown(d + "/a", 0, 0), {"chown": {"path": "a", "file.uid": 0}}),
    ("utimes", lambda d: os.utime(d + "/a", (MTIME, MTIME)),
     {"utimes": {"path": "a", "file.mtime": "2001-09-09T01:46:40.000000000Z"}}),
    ("setxattr", lambda d: os.setxattr(d + "/a", XATTR, b"1"),
     {"setxattr": {"path": "a", "xattr.name": XATTR}}),
    ("removexattr", lambda d: os.removexattr(d + "/a", XATTR),
     {"removexattr": {"path": "a", "xattr.name": XATTR}}),
    ("setflags", lambda d: set_flags(d + "/a"), {"setflags": {"path": "a"}}),
    ("link", lambda d: os.link(d + "/a", d + "/b"),
     {"link": {"path": "b", "target_path": "a", "file.nlink": 2}}),
    ("rename", lambda d: os.rename(d + "/b", d + "/c"),
     {"rename": {"old_path": "b", "path": "c"}}),
    ("symlink", lambda d: os.symlink("a", d + "/s"), {"symlink": {"path": "s", "target": "a"}}),
    ("mknod", lambda d: os.mkfifo(d + "/p"), {"mknod": {"path": "p", "file.type": "fifo"}}),
    ("mkdir", lambda d: os.mkdir(d + "/d"), {"mkdir": {"path": "d", "file.type": "directory"}}),
    ("mount", lambda d: mount_and_unmount(d + "/m"), {
        "mount": {"path": "m"}, "open": {"path": "m/b"}, "umount": {"path": "m"}}),
    ("rmdir", lambda d: os.rmdir(d + "/d"), {"rmdir": {"path": "d"}}),
    ("unlink", lambda d: os.unlink(d + "/c"), {"unlink": {"path": "c"}}),
))
FURNITURE = ("a", "m")
FORKING = {"mount"}  # dear, and what silences its hooks silences others
