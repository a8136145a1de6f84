# SPDX-License-Identifier: GPL-2.0-only
"""The content of what was changed: read once, with what it was before, and never waited for."""
import hashlib
import os
import struct
import threading
import time

import pytest

from fim import content
from fim.content import Contents, GONE, QUEUE_FULL, STOPPED
from fim.database import Approved

NOW = "2026-01-01T00:00:00.000000000Z"


def noted(*pairs):
    """As the session gives them."""
    return b"".join(struct.pack("=Q", seq) + os.fsencode(str(path)) + b"\0" for seq, path in pairs)


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
