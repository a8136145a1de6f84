# SPDX-License-Identifier: GPL-2.0-only
"""The spool: numbers without holes where nothing was lost, and holes exactly where something was."""
import os
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest

from core_build import ROOT
from fim.errors import FimError
from fim.sinks import spool
from fim.sinks.spool import Place, Spool


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Segments of a size that a test fills."""
    monkeypatch.setattr(spool, "SEGMENT", 1000)


def drain(queue, place=None):
    """[(number, line)] of all that is there."""
    found, place = [], place or queue.oldest()
    while True:
        place, lines, after = queue.read(place, 300)
        if not lines:
            return found, place
        found += enumerate(lines.split(b"\n")[:-1], place.number)
        place = after


def line(number, size=50):
    return (b"%d:" % number).ljust(size, b"x") + b"\n"


def test_lines_come_as_they_went(tmp_path):
    queue = Spool(str(tmp_path), 1 << 20)
    assert queue.dropped_at is None
    expected = []
    for turn in range(40):
        lines = [line(turn * 10 + i, random.randrange(4, 200)) for i in range(random.randrange(1, 9))]
        expected += [one[:-1] for one in lines]
        queue.append(b"".join(lines))
    found, place = drain(queue)
    assert found == list(enumerate(expected, 1))
    assert len(os.listdir(str(tmp_path))) > 3
    queue.discard(place)
    assert drain(queue) == ([], Place(len(expected) + 1, 0))
    assert len(os.listdir(str(tmp_path))) == 1 and queue.bytes() == 0


def test_a_line_longer_than_a_read(tmp_path):
    queue = Spool(str(tmp_path), 1 << 20)
    queue.append(line(1) + line(2, 5000) + line(3))
    assert [len(text) for _, text in drain(queue)[0]] == [50, 5000, 50]


def test_it_goes_on_after_a_kill(tmp_path):
    """Half a line at the end is no line; numbers go on, also when all had arrived."""
    queue = Spool(str(tmp_path), 1 << 20)
    queue.append(b"".join(line(n) for n in range(1, 31)))
    with open(queue.segments[-1].path, "ab") as file:
        file.write(b"half a")
    queue.close()
    again = Spool(str(tmp_path), 1 << 20)
    again.append(line(31))
    found, place = drain(again)
    assert [number for number, _ in found] == list(range(1, 32))
    assert all(text.startswith(b"%d:" % number) for number, text in found)
    again.discard(place)
    again.close()
    third = Spool(str(tmp_path), 1 << 20)
    assert third.oldest() == Place(32, 0)
    assert third.id == again.id == queue.id and len(queue.id) == 16
    third.close()


def test_the_oldest_go_first_and_are_counted(tmp_path):
    queue = Spool(str(tmp_path), 5000)
    place = queue.oldest()
    for number in range(1, 301):
        queue.append(line(number))
    assert queue.bytes() <= 5000 + 1000 and queue.dropped > 150
    assert 0 <= time.time() - queue.dropped_at < 60
    found, _ = drain(queue, place)
    assert [number for number, _ in found] == list(range(queue.dropped + 1, 301))
    assert all(text.startswith(b"%d:" % number) for number, text in found)


@pytest.mark.parametrize("removed", ((0,), (1,), (0, 1)), ids=str)
def test_files_that_somebody_removed_are_a_hole(tmp_path, removed):
    """What was in them is counted, and what comes after it goes on."""
    queue = Spool(str(tmp_path), 1 << 20)
    queue.append(b"".join(map(line, range(1, 21))))
    queue.append(b"".join(map(line, range(21, 41))))
    left = set(range(1, 41)) - {20 * index + n for index in removed for n in range(1, 21)}
    for index in sorted(removed, reverse=True):
        os.unlink(queue.segments[index].path)
    found, place = [], queue.oldest()
    for _ in range(8):
        place, lines, after = queue.read(place, 1 << 20)
        found += enumerate(lines.split(b"\n")[:-1], place.number)
        place = after
    assert {number for number, _ in found} == left and queue.dropped == 40 - len(left)
    queue.append(line(41))
    assert drain(queue, place)[0] == [(41, line(41)[:-1])]
    queue.discard(Place(42, 0))
    assert queue.dropped == 40 - len(left) and len(os.listdir(str(tmp_path))) == 1
    queue.close()


def test_a_directory_that_somebody_removed_is_made_again(tmp_path):
    """What was in it and not read is lost, and counted; the lock is the new one's."""
    place, top = tmp_path / "sinks" / "one", tmp_path / "sinks"
    queue = Spool(str(place), 1 << 20)
    guard = queue.guard
    queue.append(line(1) + line(2))
    _, _, after = queue.read(queue.oldest(), 60)
    shutil.rmtree(str(top))
    queue.append(line(3))
    for _ in range(4):
        after = queue.read(after, 1 << 20)[2]
    assert queue.dropped == 2 and queue.guard == guard
    queue.append(line(4))
    assert drain(queue, after)[0] == [(4, line(4)[:-1])]
    assert os.stat(str(place)).st_mode & 0o777 == os.stat(str(top)).st_mode & 0o777 == 0o700
    assert os.path.samestat(os.stat(guard), os.stat(str(place)))
    with pytest.raises(FimError):
        Spool(str(place), 1 << 20)
    shutil.rmtree(str(top))                   # once more, with nothing to read
    queue.discard(Place(5, 0))
    assert len(os.listdir(str(place))) == 1 and queue.dropped == 2
    queue.close()


def test_no_room_and_nothing_there_to_remove(tmp_path):
    queue = Spool(str(tmp_path), 5000)
    for number in range(1, 301):
        queue.append(line(number))
        for name in os.listdir(str(tmp_path)):
            os.unlink(str(tmp_path / name))
    assert queue.number == 301 and queue.dropped > 150
    queue.close()


def test_a_full_disk_is_a_hole(tmp_path, monkeypatch):
    """What could not be written is counted, and leaves its numbers empty."""
    queue = Spool(str(tmp_path), 1 << 20)
    queue.append(line(1))
    whole = os.write

    def half(descriptor, data):
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return whole(descriptor, data[:len(data) - 10])
    monkeypatch.setattr(os, "write", half)
    queue.append(line(2) + line(3))
    monkeypatch.setattr(os, "write", whole)
    queue.append(line(4))
    assert queue.dropped == 2
    assert drain(queue)[0] == [(1, line(1)[:-1]), (4, line(4)[:-1])]
    queue.close()


def test_one_process_at_a_time(tmp_path):
    queue = Spool(str(tmp_path), 1 << 20)
    code = "import sys; from fim.sinks.spool import Spool; Spool(sys.argv[1], 1 << 20)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT,
                          stderr=subprocess.PIPE)
    assert b"another fim" in done.stderr
    queue.close()


def test_another_one_has_another_id(tmp_path):
    """There as long as one of its files is; what else lies there is none of them."""
    first = Spool(str(tmp_path), 1 << 20)
    first.append(line(1))
    first.close()
    for name in ("00000000000000000009.json", "status.json"):
        (tmp_path / name).write_bytes(b"x")
    for path in tmp_path.glob("*-*.json"):
        path.unlink()
    second = Spool(str(tmp_path), 1 << 20)
    assert second.number == 1 and second.id != first.id
    second.close()


def test_it_is_for_nobody_else(tmp_path):
    Spool(str(tmp_path / "a" / "b"), 1 << 20).close()
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "a" / "b").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_no_place(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FimError):
        Spool(str(tmp_path / "file" / "x"), 1 << 20)


def test_a_writer_and_a_reader(tmp_path):
    """Both at once, with what arrived let go meanwhile."""
    queue, total, found = Spool(str(tmp_path), 1 << 20), 3000, []

    def write():
        for number in range(1, total + 1):
            queue.append(line(number))
    writer = threading.Thread(target=write)
    writer.start()
    place = queue.oldest()
    while len(found) < total:
        lines, place = drain(queue, place)
        found += lines
        queue.discard(place)
    writer.join()
    assert [number for number, _ in found] == list(range(1, total + 1))
    assert all(text.startswith(b"%d:" % number) for number, text in found)
