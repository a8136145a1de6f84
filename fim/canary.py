"""The canary: every operation once on scratch files, to prove that its hook fires.

A symbol can be in kallsyms, be attached, and yet be inlined where it matters.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import shutil
import stat
import tempfile
import time

from fim import _core, hooks

__all__ = ["Canary"]

PLACES = ("/run/fim", "/var/run/fim")
XATTR = "trusted.fim"
FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602
PATIENCE = 10.0  # seconds; a slow machine needs a second, a silent hook the whole of it


def write(path):
    """Modify a file and close it."""
    with open(path, "wb") as file:
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
    point = os.fsencode(directory)
    child = os.fork()
    if child == 0:
        try:
            private = unshare(CLONE_NEWNS) or mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
            if private == 0:
                mount(b"none", point, b"tmpfs", 0, None)
                open_device(os.path.join(point, b"b"))
        finally:
            unmount(point, 0)
            os._exit(0)
    os.waitpid(child, 0)


# What is done, in an order in which each finds what it needs.
ACTS = (
    ("create", lambda d: create(d + "/a")),
    ("modify", lambda d: write(d + "/a")),
    ("mmap", lambda d: store(d + "/a")),
    ("truncate", lambda d: os.truncate(d + "/a", 1)),
    ("chmod", lambda d: os.chmod(d + "/a", 0o640)),
    ("chown", lambda d: os.chown(d + "/a", 0, 0)),
    ("utimes", lambda d: os.utime(d + "/a")),
    ("setxattr", lambda d: os.setxattr(d + "/a", XATTR, b"1")),
    ("removexattr", lambda d: os.removexattr(d + "/a", XATTR)),
    ("setflags", lambda d: set_flags(d + "/a")),
    ("link", lambda d: os.link(d + "/a", d + "/b")),
    ("rename", lambda d: os.rename(d + "/b", d + "/c")),
    ("symlink", lambda d: os.symlink("a", d + "/s")),
    ("mknod", lambda d: os.mkfifo(d + "/p")),
    ("mkdir", lambda d: os.mkdir(d + "/d")),
    ("mount", lambda d: mount_and_unmount(d + "/d")),
    ("rmdir", lambda d: os.rmdir(d + "/d")),
    ("unlink", lambda d: os.unlink(d + "/c")),
)


class Canary:
    """Scratch of mode 0700, and what was seen of what was done there.

    seen     operations whose record came
    refused  {operation: why} of those that the file system there cannot do
    """

    def __init__(self, session):
        self.session = session
        self.seen = set()
        self.refused = {}

    @contextlib.contextmanager
    def scratch(self):
        """A directory that is removed afterwards."""
        base = next((place for place in PLACES if os.path.isdir(os.path.dirname(place))), None)
        os.makedirs(base, mode=0o700, exist_ok=True)
        path = tempfile.mkdtemp(prefix="canary-", dir=base)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def prove(self, pump):
        """Do every act and wait for the records; `pump` reads the rings."""
        with self.scratch() as path:
            self.session.scan_begin()
            try:
                self.session.watch_canary(os.fsencode(path))
            finally:
                self.session.scan_end()
            for operation, act in ACTS:
                self.act(operation, act, path)
            self.listen(pump)
        return self

    def act(self, operation, act, path):
        """One act, or why it cannot be done."""
        try:
            act(path)
        except OSError as error:
            self.refused[operation] = error.strerror

    def listen(self, pump):
        """Take in what comes until all was seen or patience ends."""
        end = time.monotonic() + PATIENCE
        wanted = set(hooks.OPERATIONS) - set(self.refused)
        while not wanted <= self.seen and time.monotonic() < end:
            pump(50)
            bits = self.session.canary()
            self.seen |= {name for name, number in _core.OPERATIONS.items() if bits >> number & 1}
