# SPDX-License-Identifier: GPL-2.0-only
"""Failed attempts: each refused act is one record with its errno, each success none."""
import contextlib
import errno
import fcntl
import itertools
import json
import os
import shutil
import stat
import struct
import subprocess

import pytest

from conftest import KINDS, PLACES
from mounts import MS_RDONLY, MS_REMOUNT, bind, umount
from watcher import Watcher
from workload import TIMES

NOBODY = 65534
PROTECTED = "/proc/sys/fs/protected_hardlinks"
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602
IMMUTABLE = 0x10
TURNS = itertools.count()  # what is for all of this module is made twice: overlayfs comes last
WITHOUT_FLAGS = (PLACES["tmpfs"], PLACES["overlay"])


@pytest.fixture(scope="module")
def rooms(base):
    """{type: a directory that only root may write to}"""
    room = "attempts-%d" % next(TURNS)
    found = {kind: os.path.join(path, "outside", room) for kind, path in base.items()}
    for path in found.values():
        os.makedirs(path)
    return found


@pytest.fixture(scope="module")
def lone(scratch):
    """A directory of which one name is watched."""
    path = str(scratch / ("attempts-lone-%d" % next(TURNS)))
    furnish(path)
    os.chmod(path, 0o711)
    return path


@pytest.fixture(scope="module")
def tried(rooms, lone, scratch):
    """A monitor that tells attempts; `first` is what it said of its start."""
    paths = list(rooms.values()) + [lone + "/secret"]
    with Watcher(scratch / ("attempts-%d" % next(TURNS)), paths, "--attempts") as watcher:
        watcher.wait_ready()
        watcher.first = watcher.settle()
        yield watcher


def furnish(path):
    """What is there to be refused."""
    os.mkdir(path)
    for name, mode in (("secret", 0o600), ("public", 0o644), ("suid", 0o4755)):
        with open(os.path.join(path, name), "w") as file:
            file.write("content\n")
        os.chmod(os.path.join(path, name), mode)
    for name, mode in (("closed", 0o700), ("full", 0o755), ("empty", 0o755), ("sticky", 0o1777)):
        os.mkdir(os.path.join(path, name))
        os.chmod(os.path.join(path, name), mode)
    for name in ("full/file", "sticky/file"):
        os.close(os.open(os.path.join(path, name), os.O_CREAT, 0o644))
    # Not security.*: with the BPF LSM anybody may set those on 6.1. Linux kernel commit 61df7b828204
    # ("lsm: fixup the inode xattr capability handling") (in v6.11).
    os.setxattr(os.path.join(path, "public"), "trusted.fim", b"1")


@pytest.fixture(params=KINDS)
def room(request, rooms, tried):
    """A furnished directory on each file system."""
    if request.param not in rooms:
        pytest.skip("no %s at %s" % (request.param, PLACES[request.param]))
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    path = os.path.join(rooms[request.param], name)
    furnish(path)
    tried.settle()
    yield path
    shutil.rmtree(path)
    tried.settle()


def failed(act, path):
    """The name of the error that an act ends with, None of one that succeeds."""
    try:
        act(path)
        return None
    except OSError as error:
        return errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")


def as_nobody(acts, path):
    """The errors of acts by a child without rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(writing, json.dumps([failed(act, path) for act in acts]).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text.decode())


def flags_of(path):
    with open(path, "rb") as file:
        return struct.unpack("=q", fcntl.ioctl(file, FS_IOC_GETFLAGS, bytes(8)))[0]


def set_flags(path, flags):
    with open(path, "rb") as file:
        fcntl.ioctl(file, FS_IOC_SETFLAGS, struct.pack("=q", flags))


def close(descriptor):
    """An open that was to fail."""
    os.close(descriptor)


def told(records):
    """[(operation, path, errno)] of the failures, and nothing else may be among them."""
    assert {record["result"] for record in records} <= {"failure"}, records
    return [(record["op"], record["path"], record["errno"]) for record in records]


# operation, errors that it may end with, name it is about, what is done; as nobody
REFUSED = (
    ("open", "EACCES", "secret", lambda d: close(os.open(d + "/secret", os.O_RDONLY))),
    ("open", "EACCES", "public", lambda d: close(os.open(d + "/public", os.O_WRONLY))),
    ("open", "EACCES", "public", lambda d: close(os.open(d + "/public", os.O_RDWR | os.O_TRUNC))),
    ("open", "EACCES", "public", lambda d: close(os.open(d + "/public", os.O_WRONLY | os.O_CREAT))),
    ("open", "EACCES", "closed", lambda d: os.listdir(d + "/closed")),
    ("open", "EACCES", "public", lambda d: os.execv(d + "/public", ["x"])),
    ("create", "EACCES", "new", lambda d: close(os.open(d + "/new", os.O_CREAT | os.O_WRONLY))),
    ("create", "EACCES", "new", lambda d: os.mknod(d + "/new", stat.S_IFREG | 0o600)),
    ("mkdir", "EACCES", "new", lambda d: os.mkdir(d + "/new")),
    ("mknod", "EACCES", "new", lambda d: os.mkfifo(d + "/new")),
    ("symlink", "EACCES", "new", lambda d: os.symlink("secret", d + "/new")),
    ("link", "EACCES", "new", lambda d: os.link(d + "/sticky/own", d + "/new")),
    ("unlink", "EACCES", "public", lambda d: os.unlink(d + "/public")),
    ("unlink", "EPERM", "sticky/file", lambda d: os.unlink(d + "/sticky/file")),
    ("rmdir", "EACCES", "empty", lambda d: os.rmdir(d + "/empty")),
    ("rename", "EACCES", "new", lambda d: os.rename(d + "/public", d + "/new")),
    ("rename", "EPERM EACCES", "sticky/new", lambda d: os.rename(d + "/sticky/file", d + "/sticky/new")),
    ("truncate", "EACCES", "public", lambda d: os.truncate(d + "/public", 0)),
    ("chmod", "EPERM", "public", lambda d: os.chmod(d + "/public", 0o666)),
    ("chown", "EPERM", "public", lambda d: os.chown(d + "/public", NOBODY, NOBODY)),
    ("chown", "EPERM", "suid", lambda d: os.chown(d + "/suid", NOBODY, -1)),
    ("utimes", "EPERM", "public", lambda d: os.utime(d + "/public", (1, 1))),
    ("setxattr", "EACCES EPERM", "public", lambda d: os.setxattr(d + "/public", "user.fim", b"1")),
    ("setxattr", "EPERM", "public", lambda d: os.setxattr(d + "/public", "trusted.fim", b"2")),
    ("removexattr", "EPERM", "public", lambda d: os.removexattr(d + "/public", "trusted.fim")),
)


def own_file(path):
    """In the sticky directory, so that its owner may link it."""
    os.close(os.open(path + "/sticky/own", os.O_CREAT, 0o644))
    os.chown(path + "/sticky/own", NOBODY, NOBODY)


def test_each_refused_act_is_one_record(tried, room):
    own_file(room)
    tried.settle()
    errors = as_nobody([act for *_, act in REFUSED], room)
    wrong = [(op, name, error) for (op, allowed, name, _), error in zip(REFUSED, errors)
             if error not in allowed.split()]
    assert not wrong
    assert told(tried.events()) == [(op, os.path.join(room, name), error)
                                    for (op, _, name, _), error in zip(REFUSED, errors)]


def test_every_time_one(tried, room):
    assert as_nobody([REFUSED[0][-1]] * TIMES, room) == ["EACCES"] * TIMES
    assert told(tried.events()) == [("open", room + "/secret", "EACCES")] * TIMES


def test_with_who_did_it_and_what_the_file_is(tried, room):
    as_nobody([REFUSED[0][-1]], room)
    [record] = tried.events()
    file, process = record["file"], record["process"]
    status = os.stat(room + "/secret")
    assert (file["ino"], file["mode"], file["uid"]) == (str(status.st_ino), "0600", 0)
    assert (process["uid"], process["euid"], process["gid"]) == (NOBODY,) * 3
    assert process["exe"] == os.path.realpath("/proc/self/exe")
    assert process["cwd"] == os.getcwd() and process["args"]
    assert record["path_complete"] and record["path_mount"] == "exact"
    assert (record["matched"], record["names_known"], record["deleted"]) == ("inode", 1, False)


def test_what_was_not_made_has_no_file(tried, room):
    as_nobody([lambda d: os.mkdir(d + "/new")], room)
    [record] = tried.events()
    assert record["file"] is None and record["kernel"]["ino"] == "0"
    assert (record["matched"], record["names_known"]) == ("parent", 0)


def test_both_names_of_a_rename(tried, room):
    as_nobody([lambda d: os.rename(d + "/public", d + "/sticky/new")], room)
    [record] = tried.events()
    assert (record["old_path"], record["path"]) == (room + "/public", room + "/sticky/new")
    assert record["replaced"] is None and not record["exchange"]
    assert record["file"]["ino"] == str(os.stat(room + "/public").st_ino)


def test_the_name_of_an_attribute(tried, room):
    as_nobody([lambda d: os.setxattr(d + "/public", "trusted.fim", b"2")], room)
    [record] = tried.events()
    assert record["xattr"] == {"name": "trusted.fim"}


# The same as root, by what the file is.
def test_a_directory_that_is_not_empty(tried, room):
    assert failed(os.rmdir, room + "/full") == "ENOTEMPTY"
    error = failed(lambda d: os.rename(d + "/empty", d + "/full"), room)
    assert error in ("ENOTEMPTY", "EEXIST")  # xfs has the latter
    assert told(tried.events()) == [("rmdir", room + "/full", "ENOTEMPTY"),
                                    ("rename", room + "/full", error)]


def test_a_program_that_is_running(tried, room):
    shutil.copy("/bin/sleep", room + "/program")
    os.chmod(room + "/program", 0o755)
    with subprocess.Popen([room + "/program", "600"]) as program:
        tried.settle()
        errors = [failed(lambda d: close(os.open(d, os.O_WRONLY)), room + "/program"),
                  failed(lambda d: os.truncate(d, 0), room + "/program")]
        program.kill()
    assert errors == ["ETXTBSY"] * 2
    assert told(tried.events()) == [("open", room + "/program", "ETXTBSY"),
                                    ("truncate", room + "/program", "ETXTBSY")]


def test_an_immutable_file(tried, room):
    path = room + "/public"
    before = failed(lambda d: set_flags(d, flags_of(d) | IMMUTABLE), path)
    if before:  # no file flags there
        assert before in ("ENOTTY", "EOPNOTSUPP") and room.startswith(WITHOUT_FLAGS)
        return
    tried.settle()
    acts = [("open", lambda d: close(os.open(d, os.O_WRONLY))), ("unlink", os.unlink),
            ("chmod", lambda d: os.chmod(d, 0o600)), ("truncate", lambda d: os.truncate(d, 0)),
            ("utimes", lambda d: os.utime(d, (1, 1)))]
    try:
        errors = [failed(act, path) for _, act in acts]
        assert set(errors) <= {"EPERM", "EACCES"}
        assert told(tried.events()) == [(op, path, error) for (op, _), error in zip(acts, errors)]
    finally:
        set_flags(path, flags_of(path) & ~IMMUTABLE)


def test_flags_by_another_than_the_owner(tried, room):
    [error] = as_nobody([lambda d: set_flags(d + "/public", IMMUTABLE)], room)
    assert error in ("EPERM", "EACCES", "ENOTTY")  # the last where there are none
    assert told(tried.events()) == [("setflags", room + "/public", error)]


def test_a_link_that_is_protected(tried, room, scratch):
    """Where fs.protected_hardlinks is on, the new name is not reached: the file is told."""
    with open(PROTECTED) as file:
        before = file.read()
    try:
        with open(PROTECTED, "w") as file:
            file.write("1\n")
        [error] = as_nobody([lambda d: os.link(d + "/secret", d + "/sticky/stolen")], room)
    finally:
        with open(PROTECTED, "w") as file:
            file.write(before)
    assert error == "EPERM"
    [record] = tried.events()
    assert told([record]) == [("link", room + "/secret", "EPERM")]
    assert record["target_path"] is None


def test_a_file_reached_by_another_name(tried, room, rooms):
    outside = os.path.join(os.path.dirname(os.path.dirname(room)), "link")
    os.link(room + "/secret", outside)
    tried.settle()
    try:
        as_nobody([lambda d: close(os.open(outside, os.O_RDONLY))], room)
        [record] = tried.events()
        assert set(record.get("known_paths", [record["path"]])) >= {room + "/secret"}
        assert record["errno"] == "EACCES"
    finally:
        os.unlink(outside)
        tried.settle()


def test_a_mount_that_is_read_only(tried, room):
    """An open for writing is told; what asks the mount first is not."""
    point = os.path.join(os.path.dirname(os.path.dirname(room)), "bound")
    os.mkdir(point)
    bind(room, point)
    try:
        bind(room, point, MS_REMOUNT | MS_RDONLY)
        tried.settle()
        assert failed(lambda d: close(os.open(d, os.O_WRONLY)), point + "/public") == "EROFS"
        assert failed(os.unlink, point + "/public") == "EROFS"
        assert failed(lambda d: os.chmod(d, 0o600), point + "/public") == "EROFS"
        assert told(tried.events()) == [("open", room + "/public", "EROFS")]
    finally:
        umount(point)
        os.rmdir(point)


def test_a_file_that_is_watched_by_its_name(tried, lone):
    """Not the directory, nor what else is in it."""
    acts = [lambda d: close(os.open(d + "/secret", os.O_RDONLY)), os.listdir,
            lambda d: close(os.open(d + "/public", os.O_WRONLY)),
            lambda d: os.chmod(d, 0o777), lambda d: os.mkdir(d + "/new"),
            lambda d: os.unlink(d + "/public"), lambda d: os.unlink(d + "/secret")]
    assert set(as_nobody(acts, lone)) == {"EACCES", "EPERM"}
    assert told(tried.events()) == [("open", lone + "/secret", "EACCES"),
                                    ("unlink", lone + "/secret", "EACCES")]


# --- what is no attempt ------------------------------------------------------------


def execute(path):
    """A program, and what is executable and none."""
    subprocess.run([path + "/program"], check=True)
    with contextlib.suppress(OSError):
        os.execv(path + "/suid", ["suid"])  # ENOEXEC


def test_an_execution_is_no_attempt(tried, room):
    shutil.copy("/bin/true", room + "/program")
    os.chmod(room + "/program", 0o755)
    tried.settle()
    assert as_nobody([execute] * TIMES, room) == [None] * TIMES
    assert tried.events() == []


def succeed(path):
    """Reading and looking."""
    with open(path + "/public") as file:
        file.read()
    os.listdir(path)
    os.stat(path + "/secret")
    os.access(path + "/secret", os.R_OK)


def miss(path):
    """Names that are not there, or are there already."""
    for act in (lambda: os.stat(path + "/none"), lambda: os.open(path + "/none", os.O_RDONLY),
                lambda: os.unlink(path + "/none"), lambda: os.mkdir(path + "/full"),
                lambda: os.open(path + "/public", os.O_CREAT | os.O_EXCL)):
        with contextlib.suppress(OSError):
            act()


def test_success_is_no_attempt(tried, room):
    assert as_nobody([succeed] * TIMES, room) == [None] * TIMES
    assert tried.events() == []


def test_a_question_is_no_attempt(tried, room):
    assert as_nobody([miss] * TIMES, room) == [None] * TIMES
    assert tried.events() == []


def test_elsewhere_nothing_is_told(tried, room, rooms):
    elsewhere = os.path.join(os.path.dirname(os.path.dirname(room)), "elsewhere")
    furnish(elsewhere)
    own_file(elsewhere)
    try:
        errors = as_nobody([act for *_, act in REFUSED], elsewhere)
        assert None not in errors
        assert tried.events() == []
    finally:
        shutil.rmtree(elsewhere)


def test_a_change_that_succeeds_is_told_as_ever(tried, room):
    path = room + "/public"
    os.chmod(path, 0o640)
    os.truncate(path, 1)
    os.rename(path, room + "/other")
    os.unlink(room + "/other")
    records = tried.events()
    assert [record["op"] for record in records] == ["chmod", "truncate", "rename", "unlink"]
    assert {(record["result"], record["errno"]) for record in records} == {("success", None)}


# --- asked and not asked -------------------------------------------------------------


def test_each_is_proven_at_the_start(tried):
    [record] = [record for record in tried.first if record["kind"] == "coverage"]
    silent = {op: cell for op, cell in record["attempts"].items() if cell["state"] != "covered"}
    assert not silent


def test_when_nobody_asks_nothing_is_attached(attachment):
    """Neither a probe nor a program of it: the whole list of what is there."""
    from fim import bpf, hooks
    ours = {hook.program for hook in hooks.ATTEMPTS} | {name for _, name in bpf.exit_stages()}
    assert attachment.probes and attachment.attempts is None
    assert not ours & {program for _, program in attachment.probes}
    assert not ours & set(attachment.sizes)
    assert not [function for function, _ in attachment.probes if ":" in function]
