# SPDX-License-Identifier: GPL-2.0-only
"""The journal on plain files: batches, segments, crashes, retention, what is in the way."""
import glob
import gzip
import hashlib
import json
import os
import pathlib
import random
import resource
import signal
import stat
import subprocess
import threading
import time

import pytest

import fim
import journals
from journals import MACHINE, records, verify
from fim.errors import FimError
from fim.journal import Journal, Limits
from fim.segments import Segments


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "journal")


def opened(path, **how):
    return Journal(Segments(path, make=True), MACHINE, **how)


def chain_lines(path):
    return [json.loads(line.decode()) for line in journals.lines_of(path) if b'"kind":"chain"' in line]


def test_the_published_rule(path):
    """As the README has it: ten lines that know nothing of fim."""
    journals.write(path)
    previous, batch, checked = "0" * 64, hashlib.sha256(), 0
    for name in sorted(glob.glob(path + "/*.jsonl*")):
        for line in (gzip.open if name.endswith(".gz") else open)(name, "rb"):
            if line.startswith(b'{"v":1,"kind":"chain"'):
                link = json.loads(line.decode())
                assert (link["sha256"], link["previous"]) == (batch.hexdigest(), previous)
                previous, batch = hashlib.sha256(line).hexdigest(), hashlib.sha256()
                checked += 1
            else:
                batch.update(line)
    assert checked == 12


def test_batches_are_of_200_records(path):
    journal = opened(path)
    for part in range(0, 1000, 90):
        journal.append(records(1 + part, 90))
    journal.close()
    links = chain_lines(path)
    assert [link["records"] for link in links] == [1] + [200] * 5 + [80]
    assert [link["first"] for link in links[1:]] == list(range(1, 1002, 200))
    assert [link["link"] for link in links] == list(range(1, 8))


def test_a_batch_waits_no_longer_than_200_ms(path):
    journal = opened(path)
    journal.append(records(1, 3))
    journal.tick()
    assert len(chain_lines(path)) == 1
    time.sleep(0.25)
    journal.tick()
    assert chain_lines(path)[-1]["last"] == 3


def test_read(path):
    """As a library does it."""
    journals.write(path)
    for source in (path, pathlib.Path(path), os.fsencode(path)):
        assert [record.seq for record in fim.read(source)] == list(range(1, 1351))


def test_read_a_file(path, tmp_path):
    """Compressed or not; what a crash left of its last line is passed over."""
    for name, data in (("a.gz", gzip.compress(records(1, 3))), ("b", records(1, 3)),
                       ("c", records(1, 3) + records(4, 1)[:50]), ("d", records(1, 3)[:-1])):
        (tmp_path / name).write_bytes(data)
        assert [record.seq for record in fim.read(tmp_path / name)] == [1, 2, 3]
    (tmp_path / "e").write_bytes(b"no record\n" + records(1, 3))
    with pytest.raises(ValueError):
        list(fim.read(tmp_path / "e"))


def test_compressed_between_a_look_and_the_next(path, monkeypatch):
    """As the journal's own thread does, beside whoever reads."""
    journals.write(path, packed=0)
    segments, before = Segments(path), journals.load(path, 1)

    def exists(self, name):
        monkeypatch.undo()
        segments.pack(1)
        return name == "00000001.jsonl"  # as it was before
    monkeypatch.setattr(Segments, "exists", exists)
    with segments.reader(1) as file:
        assert file.readlines() == before
    monkeypatch.undo()
    if not segments.is_packed(1):
        segments.pack(1)
    assert segments.size(1) < len(b"".join(before))
    with segments.reader(1) as file:
        assert file.readlines() == before
    segments.close()


def test_verified_in_the_middle_of_a_write(path):
    """It is waited for; what is still torn then is."""
    journals.write(path)
    with open(path + "/00000003.jsonl", "r+b") as file:
        whole = file.read()
        file.truncate(len(whole) - 1000)
        os.fsync(file.fileno())
        assert [finding.kind for finding in verify(path)[0]] == ["tail"]
        later = threading.Timer(0.1, lambda: os.pwrite(file.fileno(), whole, 0))
        later.start()
        assert verify(path)[0] == []
        later.join()


def test_modes(path):
    journals.write(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(name).st_mode) for name in glob.glob(path + "/*")} == {0o600}


def test_a_directory_where_others_write(path):
    os.makedirs(path)
    os.chmod(path, 0o777)
    with pytest.raises(FimError, match="chmod"):
        opened(path)


def test_a_link_is_not_followed(path, tmp_path):
    os.makedirs(path, mode=0o700)
    os.symlink(str(tmp_path / "victim"), path + "/00000001.jsonl")
    opened(path).close()
    assert "unreadable" in {finding.kind for finding in verify(path)[0]}
    assert not os.path.exists(str(tmp_path / "victim"))


def test_it_goes_on_behind_what_is_there(path):
    journals.write(path, segments=2)
    before = chain_lines(path)
    journal = opened(path)
    journal.append(records(901, 5))
    journal.close()
    after = chain_lines(path)
    assert journal.repaired == (0, 0) and journal.number == 2
    assert [link["link"] for link in after] == list(range(1, len(before) + 2))
    assert verify(path)[0] == []


@pytest.mark.parametrize("rest,kept", (
    (b"", 0), (records(901, 1)[:70], 0), (records(901, 2), 2),
    (records(901, 2) + records(903, 1)[:-1], 2), (b"\0" * 4096, 0),
    (records(901, 1) + b"\0" * 50 + b"\n", 1),
    (records(901, 1) + b'{"v":1,"kind":"chain", "link":9', 1)))
def test_a_torn_tail(path, rest, kept):
    """What is whole stays, and is chained."""
    journals.write(path, segments=2)
    with open(path + "/00000002.jsonl", "ab") as file:
        file.write(rest)
    assert bool(verify(path)[0]) == bool(rest)
    journal = opened(path)
    journal.append(records(901 + kept, 5))
    journal.close()
    assert journal.repaired == (kept, len(rest) - len(records(901, kept)))
    assert verify(path)[0] == []
    assert verify(path)[1].records == 905 + kept + 2


@pytest.mark.parametrize("crash", ("empty", "half a note", "gone, packed"))
def test_a_crash_between_two_segments(path, crash):
    journal, _ = journals.write(path, segments=2)
    if crash == "gone, packed":
        journal.segments.pack(2)
    else:
        with open(path + "/00000003.jsonl", "wb") as file:
            file.write(b"" if crash == "empty" else b'{"v":1,"kind":"segm')
    journal = opened(path)
    journal.append(records(901, 5))
    journal.close()
    assert journal.number == 3 and verify(path)[0] == []


def test_segments_end_by_size_and_by_time(path):
    now = [10**9]
    journal = opened(path, limits=Limits(100000, 60), clock=lambda: now[0])
    for part in range(20):
        journal.append(records(1 + 100 * part, 100))
        journal.looked = 0
        journal.tick()
    by_size = journal.number
    now[0] += 61
    journal.looked = 0
    journal.tick()
    journal.close()
    assert 3 <= by_size < 10 and journal.number == by_size + 1
    assert verify(path)[0] == []


def test_retention(path):
    """What is let go is told from what is missing."""
    journal = opened(path, limits=Limits(50000, 10**6, 160000))
    for part in range(60):
        journal.append(records(1 + 100 * part, 100))
        journal.looked = 0
        journal.tick()
    journal.close()
    numbers = journal.segments.numbers()
    assert numbers[0] > 5 and sum(map(journal.segments.size, numbers)) < 230000
    assert verify(path)[0] == []
    assert verify(path)[1].expired["segment"] == numbers[0] - 1
    opened(path).close()
    assert verify(path)[0] == []
    journal.segments.remove(numbers[0])
    assert "missing" in {finding.kind for finding in verify(path)[0]}


def test_retention_by_age(path):
    journal, _ = journals.write(path)
    os.utime(journals.file_of(path, 1), (1, 1))
    journal = opened(path)
    journal.tick()
    assert journal.segments.numbers() == [2, 3]
    assert verify(path)[0] == []


@pytest.mark.parametrize("harm,told", (("removed", "missing"), ("cut", "unreadable"),
                                       ("no note", "content"), ("a directory", "unreadable")))
def test_retention_beside_a_harmed_segment(path, harm, told):
    """The journal goes on, and verify says what is wrong until that segment goes, too."""
    journals.write(path, segments=5, packed=3)
    name = journals.file_of(path, 3)
    if harm == "no note":
        journals.store(path, 3, [b"{}\n"] + journals.load(path, 3)[1:])
    elif harm == "cut":
        os.truncate(name, 200)
    else:
        os.unlink(name)
        if harm == "a directory":
            os.mkdir(path + "/00000003.jsonl")
    journal = opened(path)
    for number in (1, 2):
        os.utime(journals.file_of(path, number), (1, 1))
    journal.tick()
    assert min(journal.segments.numbers()) > 2
    journal.append(records(2251, 5))
    journal.close()
    findings, verifier = verify(path)
    assert told in {finding.kind for finding in findings}
    assert verifier.expired["segment"] == 2
    assert journals.load(path, journal.number)[-2] == records(2255, 1)


def test_a_segment_that_cannot_go(path):
    """Stays; it is noted once, and the journal goes on."""
    journals.write(path, segments=4, packed=0)
    os.unlink(path + "/00000001.jsonl")
    os.makedirs(path + "/00000001.jsonl/x")
    journal = opened(path)
    for number in (1, 2):
        os.utime(journals.file_of(path, number), (1, 1))
    for _ in range(3):
        journal.looked = 0
        journal.tick()
    journal.append(records(1801, 5))
    journal.close()
    assert journal.segments.numbers() == [1, 3, 4]
    notes = [line for line in journals.load(path, 4) if b'"kind":"segment"' in line]
    assert len(notes) == 2 and journals.load(path, 4)[-2] == records(1805, 1)


def test_a_note_that_cannot_be_written(path, monkeypatch):
    """Nothing goes without it."""
    journals.write(path, segments=3, packed=0)
    os.utime(journals.file_of(path, 1), (1, 1))
    journal = opened(path)

    def put(self, data):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as full:
        full.setattr(Journal, "put", put)
        for _ in range(2):
            journal.looked = 0
            with pytest.raises(OSError):
                journal.tick()
    assert journal.segments.numbers() == [1, 2, 3]
    journal.looked = 0
    journal.tick()
    journal.close()
    assert journal.segments.numbers() == [2, 3] and verify(path)[0] == []


@pytest.mark.parametrize("harm", ("cut", "note", "type", "link"))
def test_a_start_behind_a_harmed_segment(path, harm):
    """The chain goes on from the segment before."""
    journals.write(path, segments=3, packed=3)
    lines = journals.load(path, 3)
    if harm == "cut":
        os.truncate(journals.file_of(path, 3), 200)
    elif harm == "link":
        journals.store(path, 3, [line.replace(b'"link":', b'"lynx":') for line in lines])
    else:
        note = json.loads(lines[0].decode())
        note.update(expired={"segment": 0} if harm == "note" else None)
        journals.store(path, 3, [json.dumps(note, separators=(",", ":")).encode() + b"\n"]
                       + lines[1:])
    journal = opened(path)
    journal.append(records(1351, 5))
    journal.close()
    assert journal.number == 4 and journal.id == json.loads(lines[0].decode())["journal"]
    assert journals.load(path, 4)[-2] == records(1355, 1)


def test_a_full_file_system_takes_three_quarters_at_most(path):
    """Only the free part of it, not the limit of bytes, is in the way."""
    journals.write(path, segments=8, packed=0)
    sizes = sum(os.path.getsize(name) for name in glob.glob(path + "/*"))
    journal = opened(path, limits=Limits(bytes=sizes, free=1.1))
    journal.tick()
    assert journal.segments.numbers() == [7, 8]


@pytest.mark.parametrize("how", ("removed", "moved", "file removed", "file replaced"))
def test_files_taken_away(path, how):
    """A new segment is begun, and verify misses what is not there."""
    journals.write(path, segments=2)
    journal = opened(path)
    if how == "moved":
        os.rename(path, path + "-away")
    elif how == "removed":
        subprocess.check_call(["rm", "-r", path])
    else:
        os.unlink(path + "/00000002.jsonl")
        if how == "file replaced":
            open(path + "/00000002.jsonl", "w").close()
    journal.append(records(901, 250))
    journal.tick()
    journal.close()
    assert (journal.displaced, journal.number) == (1, 3)
    assert {finding.kind for finding in verify(path)[0]} & {"missing", "misplaced"}
    assert journals.lines_of(path)[-2] == records(1150, 1)


def test_no_room(path, tmp_path):
    """A write that fails changes nothing, and is made good when there is room again."""
    journal = opened(path)
    limit = os.path.getsize(path + "/00000001.jsonl") + 30000
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError):
            journal.append(records(1, 500))
        for _ in range(3):
            with pytest.raises(OSError):
                journal.append(b"")
        assert all(finding.kind == "tail" for finding in verify(path)[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, before)
    journal.append(records(501, 100))
    journal.close()
    assert verify(path)[0] == [] and verify(path)[1].records == 601


def write_for_ever(path, turn):
    """In a child, which has begun: a stream of its own, segments of 200 kB."""
    begun, begin = os.pipe()
    pid = os.fork()
    if pid:
        os.close(begin)
        os.read(begun, 1)
        os.close(begun)
        return pid
    try:
        journal = opened(path, limits=Limits(200000))
        os.write(begin, b"1")
        for first in range(1, 10**6, 70):
            journal.append(records(first, 70, "%032x" % turn))
            journal.looked = 0
            journal.tick()
    finally:
        os._exit(1)


def state_of(path):
    """What changes whenever anything is written."""
    try:
        return {entry.name: entry.stat().st_size for entry in os.scandir(path)}
    except FileNotFoundError:  # not made yet, or just renamed
        return None


def wait_until(holds, patience=60):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_killed_a_hundred_times(path):
    """Each time it verifies up to its last whole record, and the next start mends the tail.

    In every third turn as soon as it has begun, else at some moment after its first bytes.
    """
    choose = random.Random(6)
    for turn in range(100):
        before = state_of(path)
        writer = write_for_ever(path, turn)
        if turn % 3:
            wait_until(lambda: state_of(path) != before)
            time.sleep(0.03 * choose.random())
        os.kill(writer, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(writer, 0)[1])
        assert {finding.kind for finding in verify(path)[0]} <= {"tail"}
    journal = opened(path)
    journal.close()
    findings, verifier = verify(path)
    assert findings == [] and len(verifier.streams) >= 50
