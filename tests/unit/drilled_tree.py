# SPDX-License-Identifier: GPL-2.0-only
"""A watched tree without a kernel: acts of which some are told and some are lost.

The session is the real one, on BPF maps of its own; what the hooks would do is done here.
Its fixture `tree` is every unit test's (conftest.py).
"""
import ctypes
import json
import os
import shutil
import stat
import struct
import tempfile
import time

import pytest

import core_record
from core_build import Driver

BPF = {"x86_64": 321, "aarch64": 280}.get(os.uname()[4])
NEW, REPLACED = 1, 16


def may_make_maps():
    """Whether this user may make a BPF map here at all."""
    if BPF is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = ctypes.create_string_buffer(struct.pack("=IIIII", 1, 4, 4, 1, 0) + b"\0" * 100)
    descriptor = libc.syscall(BPF, 0, attributes, len(attributes))
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def now():
    return int(time.clock_gettime(time.CLOCK_MONOTONIC) * 10**9)


def ids(st):
    return dict(ino=st.st_ino, dev=core_record.dev(os.major(st.st_dev), os.minor(st.st_dev)))


def file_of(st, nlink=None):
    return dict(ids(st), size=st.st_size, mode=st.st_mode, uid=st.st_uid, gid=st.st_gid,
                nlink=st.st_nlink if nlink is None else nlink,
                mtime_sec=st.st_mtime_ns // 10**9, mtime_nsec=st.st_mtime_ns % 10**9,
                ctime_sec=st.st_ctime_ns // 10**9, ctime_nsec=st.st_ctime_ns % 10**9)


def facts(st):
    """What must be known of it: of a directory neither size, links nor times."""
    kind = stat.S_ISDIR(st.st_mode)
    return [str(st.st_ino), "%04o" % stat.S_IMODE(st.st_mode)] + \
        ([] if kind else [st.st_size, st.st_nlink])


def walk(root):
    """{path: facts}"""
    return {os.path.join(directory, name): facts(os.lstat(os.path.join(directory, name)))
            for directory, names, files in os.walk(root) for name in names + files}


class Tree:
    """A watched tree, changed by acts; `told` says whether the next one is."""

    def __init__(self, root):
        self.root, self.told, self.moment = root, True, now()
        self.driver = Driver("reconcile_driver")

    def ask(self, verb, text=b"", count=False):
        answer = self.driver.ask(verb.encode() + (text.encode() if isinstance(text, str) else text)
                                 + b"\0")
        return [json.loads(line) for line in answer.decode().splitlines()]

    def watch(self):
        return self.ask("w", self.root)

    def stamp(self, *paths):
        """As of now; the records that follow are of this moment, as the kernel's are."""
        self.moment = now()
        for path in paths:
            self.ask("s", "%d%s" % (self.moment + 1, path))

    def when(self):
        """The time of the next record."""
        self.moment += 1
        return self.moment

    def tell(self, op, st, path, path2=None, flags=0, nlink=None, other=None):
        """The record of an act that was just done."""
        if not self.told:
            return
        directory, directory2 = os.path.dirname(path), os.path.dirname(path2 or path)
        places = [tuple(ids(os.lstat(d)).values()) for d in (directory, directory2)]
        walks = {"path": core_record.walk(path.encode())}
        if path2:
            walks["path2"] = core_record.walk(path2.encode())
        self.ask("r", core_record.record(op, file=file_of(st, nlink), time=self.when(), flags=flags,
                                         dir=places[0], dir2=places[1],
                                         other=other and file_of(other), **walks))

    def gone(self, st, nlink):
        if nlink == 0 or stat.S_ISDIR(st.st_mode):
            self.ask("d", struct.pack("=QII", ids(st)["ino"], ids(st)["dev"], 0))

    # --- acts ---

    def create(self, path):
        with open(path, "x") as file:
            file.write("x")
        self.stamp(path, os.path.dirname(path))
        self.tell("create", os.lstat(path), path, flags=NEW)

    def mkdir(self, path):
        os.mkdir(path)
        self.stamp(path, os.path.dirname(path))
        self.tell("mkdir", os.lstat(path), path, flags=NEW)

    def write(self, path):
        before = os.lstat(path)
        with open(path, "a") as file:
            file.write("more")
        self.stamp(path)
        self.tell("modify", before, path)
        self.tell("close", os.lstat(path), path)

    def chmod(self, path, mode):
        os.chmod(path, mode)
        self.stamp(path)
        self.tell("chmod", os.lstat(path), path)

    def link(self, path, new):
        os.link(path, new)
        self.stamp(new, os.path.dirname(new))
        self.tell("link", os.lstat(new), new, path)

    def unlink(self, path):
        st = os.lstat(path)
        self.stamp(path, os.path.dirname(path))
        os.unlink(path)
        self.tell("unlink", st, path, nlink=st.st_nlink - 1)
        self.gone(st, st.st_nlink - 1)

    def rmtree(self, path):
        """Told or lost as one."""
        for directory, names, files in os.walk(path, topdown=False):
            for name in files:
                self.unlink(os.path.join(directory, name))
            st = os.lstat(directory)
            self.stamp(directory, os.path.dirname(directory))
            os.rmdir(directory)
            self.tell("rmdir", st, directory, nlink=0)
            self.gone(st, 0)

    def rename(self, path, new):
        os.rename(path, new)
        self.stamp(new, os.path.dirname(path), os.path.dirname(new))
        self.tell("rename", os.lstat(new), path, new)

    def outside(self, name):
        return os.path.join(os.path.dirname(self.root), name)

    # --- what is known ---

    def known(self):
        """{path: facts} as the session has them."""
        return {entry["path"]: [entry["file"]["ino"], entry["file"]["mode"]] + (
            [] if entry["file"]["type"] == "directory" else
            [entry["file"]["size"], entry["file"]["nlink"]]) for entry in self.ask("l")}

    def reconcile(self, since):
        return self.ask("g", struct.pack("=Q", since)) + self.ask("p")

    def found(self, since):
        """[(path below the root, state)] in no order."""
        return sorted((record["path"][len(self.root):], record["state"])
                      for record in self.reconcile(since) if record["kind"] == "reconcile")


@pytest.fixture
def tree():
    if not may_make_maps():
        pytest.skip("BPF maps are not allowed here")
    directory = tempfile.mkdtemp(prefix="fim-reconcile-")
    os.mkdir(directory + "/watched")
    tree = Tree(directory + "/watched")
    yield tree
    tree.driver.close()
    shutil.rmtree(directory)


def fill(tree):
    for directory in ("a", "b", "b/c"):
        os.mkdir(os.path.join(tree.root, directory))
        for name in ("one", "two", "three"):
            with open(os.path.join(tree.root, directory, name), "x") as file:
                file.write(name)
    tree.watch()
    return now()
