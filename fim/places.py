"""Where the canary may sing: a scratch directory on each type of file system that is watched."""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections import namedtuple

__all__ = ["Mount", "Scratch", "home", "kind_at", "local_types", "mounts", "place", "remove",
           "watched_types"]

HOMES = ("/run", "/var/run", "/var/lib")
USUAL = ("/var/lib/fim", "/var/tmp", "/tmp")  # better than the top of a file system
PREFIX = ".fim-canary-"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
NO_DEVICE_BUT_LOCAL = {"tmpfs", "overlay", "zfs"}

Mount = namedtuple("Mount", "point type writable")


def unescaped(name):
    """A path as mountinfo has it, spaces and all, as this interpreter names files: in an ASCII
    locale Python 3.6 cannot say one in UTF-8."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found.group(1), 8)]), name))


def mounts(path="/proc/self/mountinfo"):
    """Every mount, in the order in which they lie on one another."""
    with open(path, "rb") as lines:
        for line in lines:
            fields, rest = (part.split() for part in line.split(b" - "))
            writable = all(b"rw" in options.split(b",") for options in (fields[5], rest[-1]))
            yield Mount(unescaped(fields[4]), os.fsdecode(rest[0]), writable)


def is_below(path, top):
    """Whether `path` is `top` or in it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def mount_at(path, table):
    """The mount that an absolute path without links ends in."""
    under = [mount for mount in table if is_below(path, mount.point)]
    return max(reversed(under), key=lambda mount: len(mount.point),
               default=Mount("/", "unknown", False))


def kind_at(path, table):
    """The type of the file system at a path that exists, or where it would come to be."""
    path = os.path.realpath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return mount_at(path, table).type


def local_types():
    """Types whose files are this kernel's alone: on a disk, or among the few without."""
    with open("/proc/filesystems") as lines:
        rows = [line.split() for line in lines]
    return {row[-1] for row in rows if len(row) == 1} | NO_DEVICE_BUT_LOCAL


def watched_types(roots, table, below=True):
    """The types of the file systems that `roots` are on, and of local ones mounted below."""
    local = local_types()
    return {kind_at(root, table) for root in roots} | {
        mount.type for mount in table if below and mount.type in local
        and any(is_below(mount.point, root) for root in roots)}


def place(kind, roots, table):
    """A writable directory on a file system of this type outside of `roots`, in which nobody but
    root can put something else in the place of our scratch; or None."""
    points = [mount.point for mount in table if mount.type == kind and mount.writable]
    for path in map(os.path.realpath, list(USUAL) + points):
        mount = mount_at(path, table)
        if mount.type == kind and mount.writable and not any(
                is_below(path, root) for root in roots) and is_safe(path):
            return path
    return None


def is_safe(path):
    """Whether nobody but root can move what root has in it, or a directory above it: the acts of
    the canary follow a path, and a link put on the way would lead them to somebody's files."""
    try:
        return is_roots(os.lstat(path)) and (path == "/" or is_safe(os.path.dirname(path)))
    except OSError:
        return False


def is_roots(status):
    """A directory of root's that nobody else writes, or a sticky one, where everybody moves only
    what is his."""
    return (stat.S_ISDIR(status.st_mode) and status.st_uid == 0
            and (not status.st_mode & OTHERS_WRITE or bool(status.st_mode & stat.S_ISVTX)))


def home():
    """Where fim's own scratch is, whatever is watched: on tmpfs, where there is one."""
    writable = (path for path in HOMES if os.access(path, os.W_OK))
    return os.path.join(next(writable, HOMES[0]), "fim")


@contextlib.contextmanager
def alone():
    """One process at a time makes scratch and removes what was left."""
    os.makedirs(home(), mode=0o700, exist_ok=True)
    descriptor = os.open(home(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def identity(path):
    """Which inode it is, None where there is none."""
    try:
        status = os.lstat(path)
        return status.st_dev, status.st_ino
    except OSError:
        return None


def lock(path):
    """A descriptor that holds the lock of a directory, which ends with the process; None
    where a living one has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def is_branch_of_the_living(name):
    """Whether it is named after a locked scratch at home."""
    owner, dash, _ = name[len(PREFIX):].partition("-")
    path = os.path.join(home(), PREFIX + owner)
    if not dash or not os.path.isdir(path):
        return False
    descriptor = lock(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def sweep(parent):
    """Remove scratch that a crash has left. Its name could be anybody's; its owner not."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(PREFIX):
            continue
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            descriptor = (lock(path) if stat.S_ISDIR(status.st_mode) and status.st_uid == 0
                          else None)
            if descriptor is not None:
                if not is_branch_of_the_living(name):
                    shutil.rmtree(path, ignore_errors=True)
                os.close(descriptor)


def remove(path):
    """Whether scratch that is there again could be removed: by its name, root's own, and where
    nobody else puts things."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if (os.path.basename(path).startswith(PREFIX) and stat.S_ISDIR(status.st_mode)
                and status.st_uid == 0 and is_safe(os.path.dirname(path))):
            shutil.rmtree(path)
            return True
    return False


class Scratch:
    """A directory of mode 0700, ours as long as we live. OSError: it cannot be made.

    A branch of another Scratch, at home, lives as long as that one, and holds no descriptor: its
    file system can be unmounted.
    """

    def __init__(self, parent, trunk=None):
        prefix = trunk.name + "-" if trunk else PREFIX
        with alone():
            os.makedirs(parent, mode=0o700, exist_ok=True)
            sweep(parent)
            self.path = tempfile.mkdtemp(prefix=prefix, dir=parent)
            self.descriptor = None if trunk else lock(self.path)
        self.name = os.path.basename(self.path)
        self.identity = identity(self.path)

    def is_there(self):
        """Nobody removed it, or mounted something over it."""
        return identity(self.path) == self.identity

    def clear(self, keep=()):
        """Nothing else is in it."""
        for name in set(os.listdir(self.path)) - set(keep):
            path = os.path.join(self.path, name)
            (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)

    def close(self):
        """Whether it is gone; a file system that was unmounted may come back with it."""
        there = self.is_there()
        shutil.rmtree(self.path, ignore_errors=True)
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        return there and not os.path.lexists(self.path)
