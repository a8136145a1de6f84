# SPDX-License-Identifier: GPL-2.0-only
"""What was known is kept, and compared with what is there after a time when nobody was."""
import itertools
import os
import random
import signal
import time

import pytest

from fim import observed
from fim.journal import Journal
from fim.observed import Observed
from fim.segments import Segments
from fim.spool import Spool
from sessions import records, session

CLOCK = "2026-01-01T00:00:00.000000000Z"


@pytest.fixture
def tree(tmp_path):
    """(what is watched, its neighbour)"""
    for name in ("watched", "other"):
        (tmp_path / name).mkdir()
        for file in ("one", "two", "three"):
            (tmp_path / name / file).write_text(file)
    return tmp_path / "watched", tmp_path / "other"


@pytest.fixture
def kept(tmp_path):
    """An Observed on a state directory, whose other thread is this one."""
    (tmp_path / "state").mkdir(0o700)
    descriptor = os.open(str(tmp_path / "state"), os.O_RDONLY | os.O_DIRECTORY)
    asides = {}
    yield Observed(descriptor, asides, lambda: CLOCK,
                   behind=lambda act: asides.update({"behind": act}))
    os.close(descriptor)


def write(kept):
    for name in list(kept.asides):
        kept.asides.pop(name)()


def differences(kept, *paths):
    """{path: state} after the next start."""
    with session(*paths) as later:
        since = kept.recall(later)
        assert since.text == CLOCK and since.clock > 0
        later.emit("blind", "", "")
        later.compare(since.clock)
        told = records(later)
    assert [record["kind"] for record in told[:1] + told[-1:]] == ["blind", "gap_closed"]
    assert told[-1]["gap"] == told[0]["seq"] and all(
        record["gap"] == told[0]["seq"] and record["since"] for record in told[1:-1])
    return {record["path"]: record["state"] for record in told[1:-1]}


def change(watched):
    (watched / "one").chmod(0o600)
    (watched / "two").unlink()
    (watched / "four").write_text("four")


def test_kept_at_the_end(tree, kept):
    watched, _ = tree
    with session(watched) as first:
        kept.finish(first)
    write(kept)
    assert differences(kept, watched) == {}
    change(watched)
    assert differences(kept, watched) == {
        str(watched): "changed", str(watched / "one"): "changed", str(watched / "two"): "missing",
        str(watched / "four"): "new"}


def test_kept_now_and_then(tree, kept, monkeypatch):
    """A pass is begun when something changed, and the file is replaced when it is over."""
    watched, _ = tree
    monkeypatch.setattr(observed, "SECONDS", 0)
    monkeypatch.setattr(observed, "SHARE", 0)
    monkeypatch.setattr(observed, "HOLD", 0)
    with session(watched) as first:
        kept.turn(first)
        for _ in range(observed.HELD):
            assert kept.cursor is None and kept.since() is None and kept.due is not None
            write(kept)  # not yet: what is known may wait to be told
            kept.turn(first)
        assert kept.due is None and kept.since() is None
        write(kept)
        assert kept.since() == CLOCK
        kept.turn(first)
        assert not kept.parts and kept.due is None
        kept.begin()
        write(kept)  # and killed
    change(watched)
    assert len(differences(kept, watched)) == 4


def test_other_paths(tree, kept):
    """What nobody had asked for is not new, what nobody asks for is not missing."""
    watched, other = tree
    with session(watched, other / "one") as first:
        kept.finish(first)
    write(kept)
    change(watched)
    change(other)
    assert differences(kept, other) == {str(other / "one"): "changed"}
    assert differences(kept, other / "one", other / "four") == {str(other / "one"): "changed"}


@pytest.mark.parametrize("harm", [lambda data: data[:-1], lambda data: data[:-5], lambda data: b"",
                                  lambda data: b"\0" * 4, lambda data: b"\0" * len(data),
                                  lambda data: data[:40] + b"\0" * 9 + data[49:],
                                  lambda data: b"\3\0\0\0[1]" + data])
def test_a_damaged_file(tree, kept, harm):
    watched, _ = tree
    with session(watched) as first:
        kept.finish(first)
    write(kept)
    path = os.path.join("/proc/self/fd", str(kept.directory), "observed")
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(harm(data))
    change(watched)
    with session(watched) as later:
        with pytest.raises((ValueError, KeyError, TypeError, OSError)):
            kept.recall(later)
        later.emit("blind", "", "")
        later.compare(0)  # nothing is left of what was read
        assert [record["kind"] for record in records(later)] == ["blind", "gap_closed"]


def test_another_boot(tree, kept, monkeypatch):
    watched, _ = tree
    with session(watched) as first:
        kept.finish(first)
    write(kept)
    monkeypatch.setattr(observed.host, "boot_id", lambda: "another")
    with session(watched) as later:
        assert kept.recall(later).clock == 0


def test_a_disk_that_stands_still(kept, monkeypatch):
    """Few parts wait; a pass whose beginning was not written does not replace the file."""
    class Endless:
        counts = dict.fromkeys(observed.CHANGES, 1).copy
        observed = staticmethod(lambda cursor: (cursor + 1, b"part"))

    for _ in range(100):
        kept.turn(Endless)
    assert len(kept.parts) == observed.PARTS
    kept.parts.popleft()
    kept.put(b"")
    write(kept)
    assert kept.since() is None


def test_no_room(tree, kept, monkeypatch):
    """The file from before stays."""
    watched, _ = tree
    with session(watched) as first:
        kept.finish(first)
        write(kept)
        (watched / "five").write_text("five")
        monkeypatch.setattr(observed.os, "fsync", lambda descriptor: refuse())
        kept.finish(first)
        with pytest.raises(OSError):
            write(kept)
        assert kept.failing == os.strerror(28)
        write(kept)
        assert kept.failing
        monkeypatch.undo()
        kept.finish(first)
        write(kept)
        assert kept.failing is None
        (watched / "six").write_text("six")
        monkeypatch.setattr(observed.os, "fsync", lambda descriptor: refuse())
        kept.finish(first)
        with pytest.raises(OSError):
            write(kept)
    assert str(watched / "six") in differences(kept, watched)


KILLS = int(os.environ.get("FIM_TEST_KILLS", 20))


def keep_for_ever(kept, watched, told):
    """A child that writes pass after pass, and changes names that its session is not told of."""
    with session(watched) as made:
        os.write(told, "\n".join(sorted(os.listdir(str(watched)))).encode() + b"\0")
        for number in itertools.count():
            kept.finish(made)
            write(kept)
            (watched / ("%d-%d" % (os.getpid(), number))).write_text("")
            for old in sorted(watched.glob("*-%d" % (number - 3))):
                old.unlink()


def killed(kept, watched, delay):
    """[name] that the session of a child knew, which was killed so long after it was ready."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            keep_for_ever(kept, watched, told)
        finally:
            os._exit(1)
    os.close(told)
    names = b""
    while not names.endswith(b"\0"):
        names += os.read(ready, 4096)
    os.close(ready)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    return set(names.decode().rstrip("\0").split("\n"))


def test_killed_at_random(tree, kept):
    """The file is whole each time, of one pass or of the one before, and nothing is unaccounted:
    what was known and what is found to differ is what is there."""
    watched, _ = tree
    choose, knowns, finds = random.Random(6), [], 0
    for _ in range(KILLS):
        knowns.append(killed(kept, watched, 0.1 * choose.random()))
        if kept.since() is None:
            continue
        found = {os.path.basename(path): state
                 for path, state in differences(kept, watched).items() if path != str(watched)}
        there = set(os.listdir(str(watched)))
        accounted = [(known | {name for name, state in found.items() if state == "new"})
                     - {name for name, state in found.items() if state == "missing"}
                     for known in knowns]
        assert there in accounted
        finds += bool(found)
    assert finds > KILLS / 4


def refuse():
    raise OSError(28, os.strerror(28))


def test_it_waits_for_the_journal(tree, kept, tmp_path):
    """A pass takes its place behind the records of what it knows: they would be told by nobody."""
    watched, _ = tree
    made, journal = [], Journal(Segments(str(tmp_path / "journal"), make=True), "m")
    spool = Spool(lambda: journal)
    kept.asides, kept.behind = spool.asides, spool.behind
    kept.replace = lambda done=kept.replace: (made.append(journal.head.link), done())
    begun = journal.head.link
    with session(watched) as first:
        spool.put("s", b'{"kind": "event"}\n')
        kept.finish(first)
        spool.put("s", b'{"kind": "event"}\n')
    spool.start()
    assert spool.close(10)
    assert made == [begun + 1] and kept.since() == CLOCK
