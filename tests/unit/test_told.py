# SPDX-License-Identifier: GPL-2.0-only
"""What a journal said behind a link, and what a start after a crash makes of it."""
import json
import os
import stat
import time

import pytest

import journals
from fim.chain import CHAIN_START
from fim.facts import nanoseconds_of, time_text
from fim.journal import Journal, Limits
from fim.observed import Observed
from fim.segments import Segments
from fim.told import NOTHING, Words, last_words, lines_since
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
            last_words(as_lines(made.records))}


DIRECTORY = {"file": {"type": "directory", "mode": "0755"}}
IS_FILE, IS_DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


@pytest.mark.parametrize("acts, expected", [
    ([("create", "/a", {}), ("chmod", "/a", {"file": {"mode": "0600"}})],
     {"/a": stat.S_IFREG | 0o600}),
    ([("create", "/a", {}), ("unlink", "/a", {})], {"/a": 0}),
    ([("rename", "/b", {"old_path": "/a"})], {"/a": 0, "/b": IS_FILE}),
    ([("rename", "/b", {"old_path": "/a", "exchange": True}),
      ("rename", "/a", {"old_path": "/b", "exchange": True})], {"/a": IS_FILE}),
    ([("chmod", "/a", {"file": {"mode": "0600"}}),
      ("rename", "/b", {"old_path": "/a", "exchange": True})], {"/b": IS_FILE}),
    ([("create", "/d/a", {}), ("rename", "/e", dict(DIRECTORY, old_path="/d"))],
     {"/d": 0, "/e": IS_DIRECTORY, "/e/a": IS_FILE}),
    ([("create", "/d/a", {}), ("create", "/e/b", {}),
      ("rename", "/e", dict(DIRECTORY, old_path="/d", exchange=True))],
     {"/e": IS_DIRECTORY, "/e/a": IS_FILE, "/d/b": IS_FILE}),
    ([("create", "/d/a", {}), ("rename", "/d/e/f", dict(DIRECTORY, old_path="/d/e")),
      ("create", "/dd/a", {}), ("rename", "/x", dict(DIRECTORY, old_path="/d"))],
     {"/d": 0, "/x": IS_DIRECTORY, "/x/a": IS_FILE, "/x/e": 0, "/x/e/f": IS_DIRECTORY,
      "/dd/a": IS_FILE}),
    ([("unlink", "/gone", {}), ("close", "/gone", {"deleted": True})], {"/gone": 0}),
    ([("create", "/log", {}), ("close", "/log", {"deleted": True})], {"/log": IS_FILE}),
    ([("create", "/d/a", {}), ("rename", "/e", dict(DIRECTORY, old_path="/d", result="failure"))],
     {"/d/a": IS_FILE}),
    ([("chmod", "/denied", {"result": "failure"}), ("mount", "/m", {}), ("open", "/dev/sda", {}),
      ("chmod", "/cut", {"path_complete": False}), ("chmod", None, {})], {}),
])
def test_the_last_word_of_each_name(acts, expected):
    assert words(*acts) == expected


def test_a_renaming_costs_the_same_whatever_was_told_before():
    """Not every word so far: a package manager renames thousands of directories."""
    words, moves = Words(), 20000
    for number in range(moves):
        words.at(b"/told/%d" % number)[0] = NOTHING
    began = time.process_time()
    for number in range(moves):
        words.move(b"/old/%d" % number, b"/new/%d" % number)
    assert time.process_time() - began < 5.0  # all words at each: minutes


def test_numbers_are_those_of_the_record():
    made = Made()
    made.event("close", "/a", None, file={"mtime": "2001-09-09T01:46:40.000000001Z", "ctime": None,
                                          "uid": None})
    assert dict(last_words(as_lines(made.records))) == {b"/a": FILE + (10**18 + 1, 0)}


def test_an_exchange_gives_both_its_time():
    """The record has the numbers of one; the other's are those that it had."""
    made, later = Made(), "2001-09-09T01:46:40.000000001Z"
    made.event("create", "/b", None, file={"size": 7})
    made.event("rename", "/b", None, old_path="/a", exchange=True, file={"ctime": later})
    words = dict(last_words(as_lines(made.records)))
    assert words[b"/a"][3] == 7 and words[b"/b"][3] == 5
    assert words[b"/a"][-1] == words[b"/b"][-1] == 10**18 + 1


def test_a_file_of_the_year_0000_is_one_among_others():
    """Anybody makes one with touch; all that is known of before hung on it."""
    assert nanoseconds_of("0000-02-29T12:00:00.000000001Z") == -62162078400 * 10**9 + 1
    assert nanoseconds_of("0001-01-01T00:00:00.000000000Z") == -62135596800 * 10**9


def test_what_is_no_record_is_passed_over():
    assert dict(last_words([b"{", b"[]", b'{"kind": "event"}', b'{"kind": "heartbeat"}', b"\xff"])) == {}


def test_names_of_other_bytes():
    made = Made()
    made.event("create", "/\\xff", None, path_b64="L/8=")
    assert set(dict(last_words(as_lines(made.records)))) == {b"/\xff"}


def test_found_and_reconciled():
    file = dict(Made().event("create", "/x", None)["file"])
    found = dict(file)
    del found["mtime"], found["size"]
    lines = as_lines([{"kind": "reconcile", "path": "/new", "file": file},
                      {"kind": "reconcile", "path": "/gone", "file": None},
                      {"kind": "found", "path": "/found", "file": found}])
    told = dict(last_words(lines))
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
        assert told_behind(segments, link) == ({b"/%d" % later for later in range(number + 1, 5)}, [])
    journal.close()


def told_behind(segments, link):
    """(names, what could not be read)"""
    harmed = []
    return set(dict(last_words(lines_since(segments, link, harmed)))), harmed


def harm(path, number, *what):
    """The lines of a segment, each of these changed: (index, bytes)."""
    lines = journals.load(path, number)
    for at, line in what:
        lines[at] = line
    journals.store(path, number, lines)


@pytest.mark.parametrize("link", [0, 2, 6])
@pytest.mark.parametrize("number, packed", [(1, True), (2, False), (3, False)])
def test_behind_a_link_over_chain_lines_that_are_none(tmp_path, link, number, packed):
    """As a block of zeroes leaves them: the records are believed all the same."""
    path, harmed = str(tmp_path / "journal"), []
    journal, _ = journals.write(path, count=300, packed=int(packed))
    kept = list(lines_since(journal.segments, link, harmed))
    assert harmed == [] and kept
    harm(path, number, *chain_lines(path, number)[-2:])
    assert set(kept) <= set(lines_since(journal.segments, link, harmed))
    assert set(harmed) <= {"segment %d: no chain line that fim writes" % number}
    assert harmed or link == 6 and number == 1


def chain_lines(path, number):
    """(index, what a torn block leaves of it) of each."""
    return [(at, line[:22] + b"\0" * 6 + line[28:])
            for at, line in enumerate(journals.load(path, number)) if line.startswith(CHAIN_START)]


def test_a_segment_that_ends_too_early(tmp_path):
    """What is behind it is believed."""
    path, harmed = str(tmp_path / "journal"), []
    journal, _ = journals.write(path, count=2, packed=1)
    with open(journals.file_of(path, 1), "r+b") as file:
        file.truncate(60)
    last = journals.load(path, 2) + journals.load(path, 3)
    assert {line.rstrip(b"\n") for line in last if not line.startswith(CHAIN_START)} <= set(
        lines_since(journal.segments, 0, harmed))
    assert [text[:11] for text in harmed] == ["segment 1: "]


def test_a_batch_at_a_time(tmp_path):
    """A journal may be a gigabyte: what was read is let go, and the rings are read meanwhile."""
    breaths = []
    journal, _ = journals.write(str(tmp_path / "journal"), count=1000)
    lines = lines_since(journal.segments, 0, [], lambda: breaths.append(None))
    first = next(lines)
    assert b'"kind":"segment"' in first and len(breaths) == 1
    assert len(list(lines)) == 3002 and len(breaths) == 18  # each segment: 5 batches and its note


def test_what_tells_nothing_is_not_read(monkeypatch):
    made, read, loads = Made(), [], json.loads
    made.event("create", "/a", None)
    lines = as_lines(made.records)
    compact = [json.dumps(record, separators=(",", ":")).encode() for record in made.records]
    others = [b'{"v":1,"kind":"heartbeat","kind":"event"}', b'{"v": 1, "kind": "alert"}']
    monkeypatch.setattr("fim.told.json.loads", lambda text: read.append(text) or loads(text))
    assert set(dict(last_words(lines + others + compact))) == {b"/a"} and len(read) == 2


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
    keep(observed, watched)

    def start(made, journal_id=journal.id, act=lambda *those: None):
        journal.id = journal_id
        for line in as_lines(made.records):
            journal.append(line + b"\n")
        journal.flush()
        act(observed, journal)
        with session(watched) as later:
            since = observed.recall(later, journal)
            later.emit("blind", "", "")
            later.compare(since.clock)
            told = records(later)
        start.paths = [os.path.relpath(record["path"], str(watched)) for record in told
                       if record["kind"] == "reconcile"]
        return {os.path.relpath(record["path"], str(watched)): record["state"]
                for record in told if record["kind"] == "reconcile" and
                record["path"] != str(watched)}

    yield watched, start
    journal.close()
    os.close(descriptor)


def keep(observed, *watched):
    """What is there."""
    with session(*watched) as known:
        observed.finish(known)
    observed.asides.popitem()[1]()


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


def test_the_last_close_of_a_file_that_was_replaced(crashed):
    """Its name is another's, as was told, and stays so: nothing is new."""
    watched, start = crashed
    with open(str(watched / "kept"), "a") as old:
        (watched / "other").write_text("y")
        (watched / "other").rename(watched / "kept")
        made, path = Made(), str(watched / "kept")
        made.event("rename", path, None, old_path=str(watched / "other"), file=file_of(path))
        made.event("close", path, None, deleted=True, file=dict(file_of(path), nlink=0, size=9))
        old.write("x")
    assert start(made) == {"kept": "changed"}  # as any replaced file is, once


def test_what_is_as_it_was_told_is_not_told_again(crashed):
    watched, start = crashed
    made = Made()
    made.event("chmod", str(watched / "kept"), None, file=file_of(watched / "kept"))
    assert start(made) == {}


def test_what_was_kept_after_it_was_told(crashed):
    """As at a stop, whose last records the journal writes behind what is kept: a change since
    then is one."""
    watched, start = crashed
    path, made = watched / "kept", Made()
    path.chmod(0o640)
    made.event("chmod", str(path), None, file=file_of(path))

    def act(observed, journal):
        head, observed.head = observed.head, lambda: {"journal": journal.id, "link": 0}
        keep(observed, watched)
        observed.head = head
        path.chmod(0o600)
    assert start(made, act=act) == {"kept": "changed"} and start.paths == ["kept"]


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


@pytest.mark.parametrize("told", [(), ("e",), ("f",), ("f", "e", "d")])
def test_missing_before_its_directory_was_found(crashed, told):
    """By a start that was killed before it had said where that is now; it may have told where it
    was meanwhile."""
    watched, start = crashed
    (watched / "d").rename(watched / "e")
    made = Made()
    made.records.append({"kind": "reconcile", "path": str(watched / "d" / "in"), "file": None})
    for old, name in zip(("d",) + told, told):
        made.event("rename", str(watched / name), None, old_path=str(watched / old),
                   file=file_of(watched / "e"))
    assert start(made)["e/in"] == "new" and start.paths.count("e/in") == 1


def test_a_harmed_journal_keeps_nothing_from_being_compared(crashed):
    """What changed while nobody watched is found, and what was not read is known."""
    watched, start = crashed
    made = Made()
    made.event("create", str(watched / "came"), None)
    (watched / "kept").chmod(0o600)

    def act(observed, journal):
        harm(journal.segments.path, 1, *chain_lines(journal.segments.path, 1)[-1:])
        harmed.append(observed)

    harmed = []
    assert start(made, act=act) == {"came": "missing", "kept": "changed"}
    assert harmed[0].harmed == ["segment 1: no chain line that fim writes"]


def test_another_journal_says_nothing(crashed):
    """Its links are others."""
    watched, start = crashed
    made = Made()
    made.event("create", str(watched / "came"), None)
    assert start(made, "another") == {}
