"""The canary: every operation once on scratch files, to prove that its hook fires.

A symbol can be in kallsyms, be attached, and yet be inlined where it matters; and
what fires may read its arguments at the wrong place: so the record's content counts.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import stat
import time
from collections import namedtuple

from fim import places

__all__ = ["Canary", "Song"]

XATTR = "trusted.fim"
MTIME = 10**9  # seconds
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
    ("create", lambda d: create(d + "/a"), {"create": {"path": "a", "file.type": "file"}}),
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
    ("mount", lambda d: mount_and_unmount(d + "/d"), {
        "mount": {"path": "d"}, "open": {"path": "d/b"}, "umount": {"path": "d"}}),
    ("rmdir", lambda d: os.rmdir(d + "/d"), {"rmdir": {"path": "d"}}),
    ("unlink", lambda d: os.unlink(d + "/c"), {"unlink": {"path": "c"}}),
))
FORKING = {"mount"}  # dear, and what silences its hooks silences others


def member(record, path):
    """What is at "a.b" of a record."""
    for name in path.split("."):
        record = (record or {}).get(name)
    return record


class Song:
    """Every act in one scratch directory, and what was heard of it.

    wanted   {operation: {member: value}} of what was done
    heard    operations whose record came, and was right
    wrong    {operation: what its record says, and should say}
    refused  {operation: why} of what the file system there cannot do
    """

    def __init__(self, scratch):
        self.scratch = scratch
        self.wanted, self.wrong, self.refused = {}, {}, {}
        self.heard = set()

    def sing(self, without=(), breathe=lambda: None):
        """Do every act but those named, and `breathe` after each."""
        for act in ACTS:
            if act.operation in without:
                continue
            try:
                act.perform(self.scratch.path)
                self.wanted.update(act.expected)
            except OSError as error:
                self.refused.update(dict.fromkeys(act.expected, error.strerror))
            breathe()
        with contextlib.suppress(FileNotFoundError):  # somebody cleans up behind us
            self.scratch.clear()

    def hear(self, record):
        """Take a record, if it is of this song."""
        path = record["path"] or ""
        _, found, inside = path.partition("/%s/" % self.scratch.name)
        operation = record["op"]
        if not found or operation in self.heard or operation not in self.wanted:
            return
        wrong = next(self.differences(record, self.wanted[operation]), None)
        if wrong is None:
            self.heard.add(operation)
            self.wrong.pop(operation, None)
        elif inside == self.wanted[operation]["path"]:
            self.wrong[operation] = wrong

    def differences(self, record, expected):
        """What the record says wrongly, in words."""
        for name, value in expected.items():
            got = member(record, name)
            right = (str(got).endswith("/%s/%s" % (self.scratch.name, value)) if name in PATHS
                     else got == value)
            if not right:
                yield "its record says %s %s for %s" % (name, got, value)

    def silent(self):
        """What was done and not heard, or not rightly."""
        return set(self.wanted) - self.heard


class Canary:
    """Sings on each type of file system that is watched, and then again and again at home.

    kind    type of the file system at home
    songs   {type: Song} of the last proof
    absent  {type: why it did not sing there}
    """

    def __init__(self, session, roots=(), types=()):
        self.session = session
        self.roots = roots
        self.types = types
        self.home = self.kind = None
        self.songs, self.absent = {}, {}

    def prove(self, pump, patience=PATIENCE):
        """Sing everywhere and listen; `pump` reads the rings."""
        scratches = self.scratches()
        try:
            self.watch(scratches.values())
            self.songs = {kind: Song(scratch) for kind, scratch in scratches.items()}
            for song in self.songs.values():
                song.sing(breathe=lambda: pump(0))
            self.listen(self.songs.values(), pump, patience)
        finally:
            for scratch in scratches.values():
                if scratch is not self.home:
                    scratch.close()
        return self

    def scratches(self):
        """{type: Scratch}, one of them at home; the other types go to `absent`."""
        table = list(places.mounts())
        home = places.home()
        self.kind, self.absent = places.kind_at(home, table), {}
        self.home = self.home or self.scratch(self.kind, home)
        found = {self.kind: self.home}
        for kind in sorted(set(self.types) - {self.kind}):
            found[kind] = self.scratch(kind, places.place(kind, self.roots, table))
        return {kind: scratch for kind, scratch in found.items() if scratch}

    def scratch(self, kind, parent):
        """A Scratch, or None and why."""
        if parent is None:
            self.absent[kind] = "no writable place on %s outside of what is watched" % kind
            return None
        try:
            return places.Scratch(parent)
        except OSError as error:
            self.absent[kind] = "no place for the canary in %s: %s" % (parent, error.strerror)
            return None

    def watch(self, scratches):
        """Put them in the hash in force."""
        self.session.scan_begin()
        try:
            for scratch in scratches:
                self.session.watch_canary(os.fsencode(scratch.path))
        finally:
            self.session.scan_end()

    def listen(self, songs, pump, patience):
        """Take in what comes until all was heard or patience ends."""
        end = time.monotonic() + patience
        while any(song.silent() for song in songs) and time.monotonic() < end:
            pump(50)
            self.hear(songs)

    def hear(self, songs):
        """Take in what has come."""
        for line in self.session.canary().splitlines():
            record = json.loads(line.decode("utf-8"))
            for song in songs:
                song.hear(record)

    def silent(self):
        """{operation} that was not heard somewhere."""
        return {operation for song in self.songs.values() for operation in song.silent()}

    def sing(self):
        """A Song at home, of acts that cost next to nothing; None where there is no home."""
        if self.home is None or not os.path.isdir(self.home.path):
            self.resettle()
        if self.home is None:
            return None
        song = Song(self.home)
        song.sing(FORKING)
        return song

    def resettle(self):
        """The directory was removed, or could not be made before."""
        self.close()
        self.home = self.scratch(self.kind, places.home())
        if self.home:
            self.watch([self.home])

    def close(self):
        """Leave nothing behind."""
        if self.home:
            self.home.close()
            self.home = None
