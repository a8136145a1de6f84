# SPDX-License-Identifier: GPL-2.0-only
"""Work that nobody here wrote: replayed over the names at the start, the stream gives those at the end.

stress-ng's file system class, and churn.c, in one tree; many processes at once.
FIM_TEST_PJDFSTEST, where set, names a directory with pjdfstest built in it: its
tests are run too, those in the directories that FIM_TEST_PJDFSTEST_OF names.
"""
import os
import signal
import subprocess

import pytest

from conftest import KINDS
from watcher import AMISS

# stress-ng's processes, its own count of rounds (some are a thousand acts, some are one), and more.
# Its link and symlink make 8,192 names in the smallest round: too much for an emulated machine.
STRESSORS = {
    "chattr": (2, 20),
    "chmod": (2, 10),
    "chown": (2, 50),
    "copy-file": (1, 3),
    "dentry": (2, 50),
    "dir": (2, 10),
    "fallocate": (2, 2, "--fallocate-bytes", "1m"),
    "filename": (1, 4),
    "mknod": (2, 10),
    "mmap": (1, 20, "--mmap-file", "--mmap-bytes", "64k"),
    "rename": (2, 300),
    "utime": (2, 20),
    "xattr": (1, 2),
}
SECONDS = "5"  # at most
PJDFSTEST = os.environ.get("FIM_TEST_PJDFSTEST")
PJDFSTEST_OF = os.environ.get("FIM_TEST_PJDFSTEST_OF", "link mkdir rename rmdir symlink truncate "
                              "unlink utimensat").split()
ATTRIBUTES = ("mode", "uid", "gid", "nlink")


class Names:
    """{path: inode number} of a tree, by a scan; then by records."""

    def __init__(self, tree):
        self.at = {}
        for top, directories, files in os.walk(tree):
            for name in directories + files:
                path = os.path.join(top, name)
                self.at[path] = str(os.lstat(path).st_ino)

    def below(self, path):
        """The names in a directory, itself first."""
        return [path] + [name for name in self.at if name.startswith(path + "/")]

    def take(self, path):
        """Take a name with all below it out: [(rest of the path, inode)]."""
        return [(name[len(path):], self.at.pop(name)) for name in self.below(path)]

    def put(self, path, taken):
        """Put what was taken by another name."""
        self.at.update((path + rest, ino) for rest, ino in taken)

    def appear(self, event):
        """create, mkdir, mknod, symlink, link"""
        assert event["path"] not in self.at, event
        self.at[event["path"]] = event["file"]["ino"]

    def disappear(self, event):
        """unlink, rmdir"""
        assert self.at.pop(event["path"], None) == event["file"]["ino"], event

    def rename(self, event):
        """rename, over a name or by exchange"""
        assert self.at.get(event["old_path"]) == event["file"]["ino"], event
        moved, other = self.take(event["old_path"]), []
        if event["replaced"] or event["exchange"]:
            other = self.take(event["path"])
        if event["exchange"]:
            self.put(event["old_path"], other)
        self.put(event["path"], moved)


BY = dict.fromkeys(("create", "mkdir", "mknod", "symlink", "link"), Names.appear)
BY.update(unlink=Names.disappear, rmdir=Names.disappear, rename=Names.rename)


def replay(names, events):
    """Apply the records; {inode number: its attributes in the last of them}."""
    last = {}
    for event in events:
        if event["op"] in BY:
            BY[event["op"]](names, event)
        last[event["file"]["ino"]] = event["file"]
        if event.get("replaced"):
            last.pop(event["replaced"]["ino"], None)
    return last


def told(room):
    """The records of everything since room.forget()."""
    records = list(room.watcher.until(room.watcher.mark()))
    assert not [record for record in records if record["kind"] in AMISS]
    return [record for record in records if record["kind"] == "event"]


def check(room, before):
    events = told(room)
    last = replay(before, events)
    assert before.at == Names(room.path).at
    for path, ino in before.at.items():
        status = os.lstat(path)
        now = {"mode": "%04o" % (status.st_mode & 0o7777), "uid": status.st_uid,
               "gid": status.st_gid, "nlink": status.st_nlink}
        if ino in last and not os.path.isdir(path):
            assert {key: last[ino][key] for key in ATTRIBUTES} == now, path
    return events


def stress_ng(stressor, path):
    """Its command."""
    processes, rounds, *more = STRESSORS[stressor]
    return ["stress-ng", "--temp-path", path, "--timeout", SECONDS, "--" + stressor, str(processes),
            "--%s-ops" % stressor, str(rounds)] + more


@pytest.mark.parametrize("stressor", sorted(STRESSORS))
def test_stress_ng(any_room, stressor):
    before = Names(any_room.path)
    done = subprocess.run(stress_ng(stressor, any_room.path),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    assert check(any_room, before)


if PJDFSTEST:
    @pytest.mark.parametrize("of", PJDFSTEST_OF)
    def test_pjdfstest(any_room, of):
        before = Names(any_room.path)
        subprocess.run(["prove", "-rQ", os.path.join(PJDFSTEST, "tests", of)], cwd=any_room.path,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert check(any_room, before)


# An overlay's numbers are looked up when a record is written, by a path that has moved on.
@pytest.mark.parametrize("room", [kind for kind in KINDS if kind != "overlay"], indirect=True)
def test_churn(room, workloads):
    """Links, renames of directories into one another, writes."""
    before = Names(room.path)
    churns = [subprocess.Popen([workloads.program("churn"), room.path, str(seed)],
                               stdout=subprocess.PIPE) for seed in range(2)]
    subprocess.run(["sleep", "3"], check=True)
    for churn in churns:
        churn.send_signal(signal.SIGTERM)
        churn.communicate()
    assert check(room, before)
