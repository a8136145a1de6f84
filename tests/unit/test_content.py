# SPDX-License-Identifier: GPL-2.0-only
"""The content of what was changed: read once, with what it was before, and never waited for."""
import hashlib
import os
import struct
import threading
import time
import types

import pytest

from fim import content
from fim.content import Contents, GONE, QUEUE_FULL, STOPPED
from fim.daemon import Daemon
from fim.database import Approved
from fim.monitor import Monitor

NOW = "2026-01-01T00:00:00.000000000Z"


def inode(number):
    """As the session has it; 0: none."""
    return struct.pack("=QII", number, 0, 0)


def note(seq, path, now=1, before=None):
    """As the session gives it: the inode that the path has, and the one that it had (None: that)."""
    return (struct.pack("=Q", seq) + inode(now) + inode(now if before is None else before)
            + os.fsencode(str(path)) + b"\0")


def noted(*pairs):
    """Several, each of an inode of its own."""
    return b"".join(note(seq, path, hash(str(path)) % 2**32) for seq, path in pairs)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def taken(contents, count):
    """The members of so many records."""
    found, end = [], time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < end
        found += contents.take()
        time.sleep(0.01)
    return [members for _, members, _ in found]


@pytest.fixture
def contents():
    made = Contents(lambda path: None, lambda: NOW)
    made.start()
    return made


def test_before_and_after(tmp_path, contents):
    path = tmp_path / "file"
    for seq, text, before, against in ((7, "one", None, None), (8, "two", "one", "observed"),
                                       (9, "two", "two", "observed")):
        path.write_text(text)
        contents.put(noted((seq, path)))
        record, = taken(contents, 1)
        changed = {"hash": {"before": before and digest(before), "after": digest(text)}}
        assert record["event"] == seq and record["path"] == str(path) and record["count"] == 1
        assert record["hash"] == {"sha256": digest(text)} and record["hash_state"] == "stable"
        assert record["changed"] == (None if before == text else changed)
        assert record["against"] == against and record["file"]["size"] == len(text)


def read(contents, path, text, *inodes):
    """(digest before, against) of a file with such a text."""
    path.write_text(text)
    contents.put(note(1, path, *inodes))
    record, = taken(contents, 1)
    return record["changed"]["hash"]["before"] if record["changed"] else digest(text), record["against"]


UNKNOWN = None, None


def test_put_in_the_place_of_another(tmp_path, contents):
    """Before is what the replaced file had, not what this one had under another name."""
    path, new = tmp_path / "file", tmp_path / "new"
    read(contents, path, "one", 1)
    read(contents, new, "two", 2)
    assert read(contents, path, "two", 2, 1) == (digest("one"), "observed")
    assert read(contents, path, "three", 2) == (digest("two"), "observed")


def test_nobody_hides_behind_what_was_there_once(tmp_path, contents):
    """Read, then something else put there that nothing tells to read: its digest before is not
    known, though the path had one."""
    path = tmp_path / "file"
    read(contents, path, "bad", 1)
    # Another file was moved there, after the first was removed.
    assert read(contents, path, "bad", 2) == UNKNOWN
    # It was moved over by one that had replaced it, unread.
    assert read(contents, path, "bad", 4, 3) == UNKNOWN
    # It was written to by another of its names.
    read(contents, tmp_path / "link", "good", 4)
    assert read(contents, path, "bad", 4) == UNKNOWN
    # It is one name more of what is somewhere else.
    assert read(contents, path, "bad", 4, 0) == UNKNOWN


def test_nothing_is_known_after_a_time_unseen(tmp_path, contents):
    path = tmp_path / "file"
    for unseen in (contents.forget, contents.finish,
                   lambda: contents.put(note(9, tmp_path / "gone", 9), missed=1)):
        read(contents, path, "bad", 1)
        assert read(contents, path, "bad", 1) == (digest("bad"), "observed")
        unseen()
        assert read(contents, path, "bad", 1) == UNKNOWN


def test_the_daemon_says_what_nobody_saw():
    """A hole, once it is told; blindness, for as long as it lasts, and what is over when it is
    told: a hook that gave way, keys that somebody had taken out."""
    told, counts = [], {"gaps": 0}
    session = types.SimpleNamespace(contents=lambda: b"", counts=lambda: counts)
    contents = types.SimpleNamespace(forget=lambda: told.append(counts["gaps"]), take=lambda: [])
    monitor = Monitor("/tmp")
    monitor.session, monitor.sight = session, types.SimpleNamespace(blind=None, doubts=0)
    daemon = types.SimpleNamespace(contents=contents, doubts=0, unread=0, monitor=monitor)
    for gaps, blind, doubts, times in (
            (0, None, 0, 0), (2, None, 0, 1), (2, None, 0, 1), (2, {"since": NOW}, 0, 2),
            (2, {"since": NOW}, 0, 3), (2, None, 0, 3), (3, None, 0, 4), (3, None, 1, 5),
            (3, None, 1, 5)):
        counts["gaps"], monitor.sight.blind, monitor.sight.doubts = gaps, blind, doubts
        Daemon.tell_contents(daemon, session)
        assert len(told) == times


def test_what_is_not_read_is_not_known(tmp_path):
    """There is no room for it; or it is gone, and then there again."""
    path = tmp_path / "file"
    contents = Contents(lambda path: None, lambda: NOW, room=1)
    contents.start()
    read(contents, path, "bad", 1)
    path.unlink()
    contents.put(note(2, path, 1))
    while contents.waiting or not contents.skipped:
        time.sleep(0.01)
    assert read(contents, path, "bad", 1) == UNKNOWN
    contents.room = 0
    contents.put(note(3, path, 1))
    contents.room = 1
    assert read(contents, path, "bad", 1) == UNKNOWN


def being_read(path):
    """Who reads it."""
    path.write_text("bad")
    contents = Contents(lambda path: None, lambda: NOW)
    contents.start()
    contents.put(note(1, path))
    while contents.waiting:
        time.sleep(0.01)
    return contents


def test_what_is_read_when_it_is_forgotten(tmp_path, monkeypatch):
    """Its digest is of before."""
    path, go, real = tmp_path / "file", threading.Event(), content._core.examine
    monkeypatch.setattr(content._core, "examine", lambda *what: go.wait() and real(*what))
    contents = being_read(path)
    contents.forget()
    go.set()
    taken(contents, 1)
    assert read(contents, path, "bad") == UNKNOWN


def test_what_was_read_before_the_last_change_is_not_known(tmp_path, monkeypatch):
    """It was still being read when that came, and that could not be read."""
    path, go, real = tmp_path / "file", threading.Event(), content._core.examine
    acts = [lambda *what: go.wait() and real(*what), lambda *what: os.stat("/no such"), real]
    monkeypatch.setattr(content._core, "examine", lambda *what: acts.pop(0)(*what))
    contents = being_read(path)
    contents.put(note(2, path))
    go.set()
    taken(contents, 1)
    while not contents.skipped:
        time.sleep(0.01)
    assert read(contents, path, "bad") == UNKNOWN


def test_several_that_are_read_once(tmp_path):
    """Before is what it was before the first."""
    path = tmp_path / "file"
    contents = Contents(lambda path: None, lambda: NOW)
    contents.known.put(os.fsencode(str(path)), inode(1), digest("one"))
    path.write_text("three")
    contents.put(note(1, path, 1) + note(2, path, 2, 1) + note(3, path, 2))
    contents.start()
    record, = taken(contents, 1)
    assert (record["event"], record["count"], record["against"]) == (3, 3, "observed")
    assert record["changed"] == {"hash": {"before": digest("one"), "after": digest("three")}}


def test_digests_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "REMEMBERED", 2)
    known = content.Known()
    for number in (1, 2, 1, 3):
        known.put(b"/x%d" % number, inode(number), "d")
    assert [known.get(b"/x%d" % number, inode(number)) for number in (1, 2, 3)] == ["d", None, "d"]


def test_against_what_is_approved(tmp_path):
    (tmp_path / "watched").mkdir()
    path, state = tmp_path / "watched" / "file", str(tmp_path / "state")
    path.write_text("approved")
    assert os.system("cd %s && python3 -m fim init %s --state %s >/dev/null" % (
        os.path.dirname(os.path.dirname(content.__file__)), tmp_path / "watched", state)) == 0
    contents = Contents(Approved(state).of, lambda: NOW)
    contents.start()
    path.write_text("altered")
    contents.put(noted((1, path)))
    record, = taken(contents, 1)
    assert record["against"] == "approved"
    assert record["changed"] == {"hash": {"before": digest("approved"), "after": digest("altered")}}


def test_no_baseline(tmp_path):
    assert Approved(str(tmp_path)).of(b"/etc/passwd") is None
    (tmp_path / "fim.db").write_text("no database")
    assert Approved(str(tmp_path)).of(b"/etc/passwd") is None


def test_what_is_not_read_is_said(tmp_path):
    (tmp_path / "large").write_text("larger than that")
    (tmp_path / "file").write_text("file")
    os.mkfifo(str(tmp_path / "fifo"))
    contents = Contents(lambda path: None, lambda: NOW, room=5, largest=10)
    for number in range(20):  # the thread has not begun
        contents.put(noted((number + 1, tmp_path / ("gone%d" % (number % 2)))))
    contents.put(noted((21, tmp_path / "large"), (22, tmp_path / "fifo"), (23, tmp_path / "file"),
                       (24, tmp_path / "more"), (25, tmp_path / "file")), missed=3)
    contents.start()
    large, file = taken(contents, 2)
    assert (large["event"], large["hash"], large["hash_state"]) == (21, None, "skipped")
    assert large["reason"] == "larger than 10 bytes"
    assert (file["event"], file["count"], file["hash_state"]) == (25, 2, "stable")
    withheld = {members["reason"]: members["count"] for kind, members, _ in contents.finish()}
    assert withheld == {QUEUE_FULL: 4, GONE: 21}


def test_a_reader_that_stands_still(tmp_path, monkeypatch):
    """Nobody waits for it, and what it has not read at the end is counted."""
    go = threading.Event()
    monkeypatch.setattr(content._core, "examine", lambda *_: go.wait() and None)
    for name in "abc":
        (tmp_path / name).write_text(name)
    contents = Contents(lambda path: None, lambda: NOW)
    contents.start()
    begun = time.monotonic()
    contents.put(noted(*((number, tmp_path / name) for number, name in enumerate("abc"))))
    while len(contents.waiting) > 2:
        time.sleep(0.01)
    assert contents.take() == []
    assert [(members["reason"], members["count"]) for _, members, _ in contents.finish()] == [
        (STOPPED, 2)]
    assert time.monotonic() - begun < 5


def test_a_file_that_moves_while_it_is_read(tmp_path, contents, monkeypatch):
    """Its digest says so, and is not what the next is compared with."""
    path = tmp_path / "file"
    path.write_text("text")
    real = content.facts.unpack
    monkeypatch.setattr(content.facts, "unpack", lambda packed: dict(real(packed), unstable=b""))
    contents.put(noted((1, path)))
    assert taken(contents, 1)[0]["hash_state"] == "unstable"
    monkeypatch.undo()
    contents.put(noted((2, path)))
    assert taken(contents, 1)[0]["against"] is None


def test_a_malformed_approved_row(tmp_path):
    """It does not end the thread."""
    (tmp_path / "one").write_text("x")
    (tmp_path / "two").write_text("x")
    rows = {os.fsencode(str(tmp_path / "one")): b"x"}
    contents = Contents(rows.get, lambda: NOW)
    contents.start()
    contents.put(noted((1, tmp_path / "one"), (2, tmp_path / "two")))
    one, two = taken(contents, 2)
    assert (one["hash_state"], one["reason"]) == ("skipped", "malformed facts")
    assert two["hash_state"] == "stable"


def test_names_that_are_not_text(tmp_path, contents):
    path = os.fsencode(str(tmp_path)) + b"/\xff\n"
    with open(path, "w") as file:
        file.write("x")
    contents.put(noted((1, os.fsdecode(path))))
    record, = taken(contents, 1)
    assert record["path"].endswith("\\xff\n") and "path_b64" in record
