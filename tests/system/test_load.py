# SPDX-License-Identifier: GPL-2.0-only
"""Much at once: nothing is missing."""
import collections
import io
import os
import subprocess
import tarfile

from watcher import AMISS
from workload import SHELL

REPEAT = int(os.environ.get("FIM_TEST_REPEAT", "1000"))
ARCHIVE = int(os.environ.get("FIM_TEST_ARCHIVE", "20000"))
A_DIRECTORY = 100  # files in each directory of the archive

FRESH = """cd "$0" && i=0
while [ $i -lt $1 ]; do mkdir -p $i/a/b/c && echo x > $i/a/b/c/f || exit 1; i=$((i+1)); done"""


def test_written_in_a_directory_just_made(any_room):
    """mkdir -p a/b/c && echo x > a/b/c/f: the write is told each time."""
    subprocess.run(SHELL + ["-c", FRESH, any_room.path, str(REPEAT)], check=True)
    got = [(event["op"], event["path"]) for event in any_room.events()]
    wants = []
    for n in range(REPEAT):
        parts = [str(n), "a", "b", "c"]
        wants += [("mkdir", any_room.join(*parts[:depth])) for depth in range(1, 5)]
        wants += [(op, any_room.join(*parts, "f")) for op in ("create", "modify", "close")]
    assert [act for act in got if act not in set(wants)] == []
    assert got == wants


def pack(path):
    """An archive of ARCHIVE files; how many directories it has."""
    directories = -(-ARCHIVE // A_DIRECTORY)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(directories):
            add(archive, "d%03d" % number, tarfile.DIRTYPE, b"")
        for number in range(ARCHIVE):
            add(archive, "d%03d/f%05d" % (number // A_DIRECTORY, number), tarfile.REGTYPE, b"x" * 40)
    return directories


def add(archive, name, kind, content):
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, 0o755, len(content)
    archive.addfile(member, io.BytesIO(content))


def count(room):
    """{op: number}, and the paths of each without repeats; nothing may be amiss."""
    numbers, paths = collections.Counter(), collections.defaultdict(set)
    for record in room.watcher.until(room.watcher.mark()):
        assert record["kind"] not in AMISS, record
        numbers[record["op"]] += 1
        paths[record["op"]].add(record["path"])
    return numbers, {op: len(names) for op, names in paths.items()}


def test_an_archive_unpacked_and_removed(any_room, scratch):
    """At the default ring. Times and owners are left alone: they would double the records."""
    archive = str(scratch / "archive.tar")
    directories = pack(archive)
    subprocess.run(["tar", "-xmf", archive, "--no-same-owner", "--no-same-permissions",
                    "-C", any_room.path], check=True)
    numbers, paths = count(any_room)
    assert paths == numbers
    assert numbers == {"mkdir": directories, "create": ARCHIVE, "modify": ARCHIVE, "close": ARCHIVE}
    subprocess.run(["find", any_room.path, "-mindepth", "1", "-maxdepth", "1",
                    "-exec", "rm", "-rf", "{}", "+"], check=True)
    numbers, paths = count(any_room)
    assert numbers == {"unlink": ARCHIVE, "rmdir": directories}
    assert paths == numbers
