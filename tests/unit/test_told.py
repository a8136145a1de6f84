# SPDX-License-Identifier: GPL-2.0-only
"""What a journal said behind a link, and what a start after a crash makes of it."""
import json
import os
import stat
import time

import pytest

from fim.facts import nanoseconds_of, time_text
from fim.journal import Journal, Limits
from fim.observed import Observed
from fim.segments import Segments
from fim.told import NOTHING, last_words, lines_since
from made import Made
from sessions import records, session

FILE = (stat.S_IFREG | 0o644, 0, 0, 5, 1)


def as_lines(made):
    return [json.dumps(record).encode("ascii") for record in made]


def words(*acts):
    """{path: mode, 0 gone} of what was done."""
    made = Made()
    for op, path, members in acts:
        made.event(op, path, None, **members)
    return {path.decode(): word[0] if word else 0 for path, word in
            last_words(as_lines(made.records)).items()}


DIRECTORY = {"file": {"type": "directory", "mode": "0755"}}
IS_FILE, IS_DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


@pytest.mark.parametrize("acts, expected", [
    ([("create", "/a", {}), ("chmod", "/a", {"file": {"mode": "0600"}})],
     {"/a": stat.S_IFREG | 0o600}),
    ([("create", "/a", {}), ("unlink", "/a", {})], {"/a": 0}),
    ([("rename", "/b", {"old_path": "/a"})], {"/a": 0, "/b": IS_FILE}),
    ([("rename", "/b", {"old_path": "/a", "exchange": True}),
      ("rename", "/a", {"old_path": "/b", "exchange": True})], {"/a": IS_FILE, "/b": IS_FILE}),
    ([("create", "/d/a", {}), ("rename", "/e", dict(DIRECTORY, old_path="/d"))],
     {"/d": 0, "/e": IS_DIRECTORY, "/e/a": IS_FILE}),
    ([("modify", "/gone", {"deleted": True})], {"/gone": 0}),
    ([("chmod", "/denied", {"result": "failure"}), ("mount", "/m", {}), ("open", "/dev/sda", {}),
      ("chmod", "/cut", {"path_complete": False}), ("chmod", None, {})], {}),
])
def test_the_last_word_of_each_name(acts, expected):
    assert words(*acts) == expected


def test_numbers_are_those_of_the_record():
    made = Made()
    made.event("close", "/a", None, file={"mtime": "2001-09-09T01:46:40.000000001Z", "ctime": None,
                                          "uid": None})
    assert last_words(as_lines(made.records)) == {b"/a": FILE + (10**18 + 1, 0)}


def test_a_file_of_the_year_0000_is_one_among_others():
    """Anybody makes one with touch; all that is known of before hung on it."""
    assert nanoseconds_of("0000-02-29T12:00:00.000000001Z") == -62162078400 * 10**9 + 1
    assert nanoseconds_of("0001-01-01T00:00:00.000000000Z") == -62135596800 * 10**9


def test_what_is_no_record_is_passed_over():
    assert last_words([b"{", b"[]", b'{"kind": "event"}', b'{"kind": "heartbeat"}', b"\xff"]) == {}


def test_names_of_other_bytes():
    made = Made()
    made.event("create", "/\\xff", None, path_b64="L/8=")
    assert set(last_words(as_lines(made.records))) == {b"/\xff"}


def test_found_and_reconciled():
    file = dict(Made().event("create", "/x", None)["file"])
    found = dict(file)
    del found["mtime"], found["size"]
    lines = as_lines([{"kind": "reconcile", "path": "/new", "file": file},
                      {"kind": "reconcile", "path": "/gone", "file": None},
                      {"kind": "found", "path": "/found", "file": found}])
    told = last_words(lines)
    assert told[b"/gone"] == NOTHING and told[b"/new"][:5] == FILE
    assert told[b"/found"][0] == IS_FILE and told[b"/found"][3] == 0


@pytest.mark.parametrize("segment_bytes", [1 << 20, 100])
def test_behind_a_link(tmp_path, segment_bytes):
    """Over the edges of segments, and what no chain line had covered before the crash."""
    segments = Segments(str(tmp_path / "journal"), make=True)
    journal = Journal(segments, "m", Limits(segment_bytes=segment_bytes))
    links = []
    for number in range(5):
        made = Made()
        made.event("create", "/%d" % number, None)
        journal.append(as_lines(made.records)[0] + b"\n")
        journal.flush()
        links.append(journal.head.link)
        journal.look()
    for number, link in enumerate(links):
        assert set(last_words(lines_since(segments, link))) == {
            b"/%d" % later for later in range(number + 1, 5)}
    journal.close()


# --- after a crash -----------------------------------------------------------


@pytest.fixture
def crashed(tmp_path):
    """(what is watched, does a start after a crash): the records of acts since what is known was
    kept are in the journal, and nothing else."""
    watched, state = tmp_path / "watched", tmp_path / "state"
    (watched / "d").mkdir(parents=True)
    for path in (watched / "kept", watched / "d" / "in"):
        path.write_text("x")
    state.mkdir(0o700)
    journal = Journal(Segments(str(tmp_path / "journal"), make=True), "m")
    descriptor = os.open(str(state), os.O_RDONLY | os.O_DIRECTORY)
    observed = Observed(descriptor, {}, lambda: time_text(int(time.time() * 10**9)),
                        lambda: {"journal": journal.id, "link": journal.head.link})
    with session(watched) as first:
        observed.finish(first)
    observed.asides.popitem()[1]()

    def start(made, journal_id=journal.id):
        journal.id = journal_id
        for line in as_lines(made.records):
            journal.append(line + b"\n")
        journal.flush()
        with session(watched) as later:
            since = observed.recall(later, journal)
            later.emit("blind", "", "")
            later.compare(since.clock)
            told = records(later)
        return {os.path.relpath(record["path"], str(watched)): record["state"]
                for record in told if record["kind"] == "reconcile" and
                record["path"] != str(watched)}

    yield watched, start
    journal.close()
    os.close(descriptor)


def file_of(path):
    """As a record has it."""
    st = os.lstat(str(path))
    return {"mode": "%04o" % stat.S_IMODE(st.st_mode), "size": st.st_size, "nlink": st.st_nlink,
            "uid": st.st_uid, "gid": st.st_gid, "mtime": time_text(st.st_mtime_ns),
            "ctime": time_text(st.st_ctime_ns),
            "type": "directory" if stat.S_ISDIR(st.st_mode) else "file"}


def test_what_came_and_went_is_missing(crashed):
    watched, start = crashed
    made = Made()
    made.event("create", str(watched / "came"), None)
    assert start(made) == {"came": "missing"}


def test_what_was_told_to_be_gone_and_is_there(crashed):
    """And is as it was kept: nothing else would say so."""
    watched, start = crashed
    made = Made()
    made.event("unlink", str(watched / "kept"), None)
    assert start(made) == {"kept": "new"}


def test_what_was_changed_back(crashed):
    watched, start = crashed
    made = Made()
    made.event("chmod", str(watched / "kept"), None, file=dict(file_of(watched / "kept"),
                                                               mode="0777"))
    assert start(made) == {"kept": "changed"}


def test_what_is_as_it_was_told_is_not_told_again(crashed):
    watched, start = crashed
    made = Made()
    made.event("chmod", str(watched / "kept"), None, file=file_of(watched / "kept"))
    assert start(made) == {}


def test_what_was_in_a_directory_that_was_moved(crashed):
    """By the name that was told last."""
    watched, start = crashed
    (watched / "d").rename(watched / "e")
    made = Made()
    made.event("create", str(watched / "d" / "came"), None)
    made.event("rename", str(watched / "e"), None, old_path=str(watched / "d"),
               file=file_of(watched / "e"))
    (watched / "e" / "in").unlink()
    told = start(made)
    assert told.pop("e") in ("new", "changed") and told == {
        "d": "missing", "d/in": "missing", "e/in": "missing", "e/came": "missing"}


def test_another_journal_says_nothing(crashed):
    """Its links are others."""
    watched, start = crashed
    made = Made()
    made.event("create", str(watched / "came"), None)
    assert start(made, "another") == {}
