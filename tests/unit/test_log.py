# SPDX-License-Identifier: GPL-2.0-only
"""fim log and fim verify on the command line."""
import datetime
import json
import subprocess
import sys
import time

import pytest

import core_record
import journals
from core_build import Driver, ROOT
from fim.chain import compact, numbered
from fim.errors import UsageError
from fim.journal import Journal
from fim.moments import moment
from fim.segments import Segments
from fim.sinks import documents
from fim.stream import Stream, path_members
from fim.verify import anchors

STREAM = "ef" * 16


def fim(*arguments):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([sys.executable, "-m", "fim"] + list(arguments), cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def events():
    """As the core renders them, the first an hour after the other, the newest now."""
    with Driver("decode_driver") as driver:
        lines = [driver.ask(raw).split(b"\n", 2)[1] for raw in core_record.samples()]
    assert {numbered(line) for line in lines} == {(1, "0123456789abcdef")}  # as it is written
    rendered = [json.loads(line.decode()) for line in lines]
    now = datetime.datetime.now(datetime.timezone.utc)
    for number, event in enumerate(rendered):
        ago = datetime.timedelta(hours=len(rendered) - 1 - number)
        event.update(seq=number + 1, stream=STREAM, time=(now - ago).isoformat()[:26] + "000Z")
    return rendered


@pytest.fixture(scope="module")
def state(tmp_path_factory, events):
    """A state directory whose journal has them, a third in each segment, the first compressed."""
    path = str(tmp_path_factory.mktemp("state"))
    journal = Journal(Segments(path + "/journal", make=True), journals.MACHINE)
    third = len(events) // 3
    for number, event in enumerate(events):
        if number in (third, 2 * third):
            journal.rotate()
        journal.append(compact(event) + b"\n")
    journal.close()
    journal.segments.pack(1)
    return path


def found(state, *options):
    status, said, errors = fim("log", "--state", state, "--format", "json", *options)
    assert (status, errors) == (0, "")
    return [json.loads(line) for line in said.splitlines()]


def under(path, *roots):
    return path and any(path == root or path.startswith(root + "/") for root in roots)


def names(event):
    return [event.get(name) for name in ("path", "old_path", "target_path")] + (
        event.get("known_paths") or [])


QUERIES = {
    "all": ((), lambda e: True),
    "op": (("--op", "rename"), lambda e: e["op"] == "rename"),
    "two ops": (("--op", "rename", "--op", "chmod"), lambda e: e["op"] in ("rename", "chmod")),
    "path": (("--path", "/etc/passwd"), lambda e: any(under(n, "/etc/passwd") for n in names(e))),
    "directory": (("--path", "/dev/"), lambda e: any(under(n, "/dev") for n in names(e))),
    "pattern": (("--path", "/e*wd-"), lambda e: "/etc/passwd-" in names(e)),
    "exe": (("--exe", "vim"), lambda e: (e["process"]["exe"] or "").endswith("/vim")),
    "whole exe": (("--exe", "/usr/bin/vim"), lambda e: e["process"]["exe"] == "/usr/bin/vim"),
    "user": (("--user", "1000"), lambda e: e["process"]["auid"] == 1000),
    "both": (("--op", "chmod", "--user", "1000"),
             lambda e: e["op"] == "chmod" and e["process"]["auid"] == 1000),
    "none": (("--op", "nosuch"), lambda e: False),
    "another kind": (("--kind", "gap"), lambda e: False),
}


def test_records_of_python_are_numbered(state):
    """They have spaces."""
    lines = []
    stream = Stream(lines.append)
    stream.emit("start", {"version": "1", "reason": None})
    stream.emit("stop", {"version": "1", "reason": "x"})
    assert [numbered(line) for line in lines] == [(1, stream.stream), (2, stream.stream)]


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_queries(state, events, name):
    options, fits = QUERIES[name]
    expected = [event for event in events if fits(event)]
    assert found(state, *options) == expected
    assert name in ("none", "another kind") or expected


def test_times(state, events):
    assert found(state, "--since", "150m") == events[-3:]
    assert found(state, "--until", "150m") == events[:-3]
    assert found(state, "--since", events[4]["time"], "--until", events[6]["time"]) == events[4:6]
    today = time.strftime("%Y-%m-%d", time.localtime(time.time()))
    assert found(state, "--since", today) == found(state, "--since", "today")


def test_lines_of_the_journal_itself(state):
    kinds = [record["kind"] for record in found(state, "--kind", "chain", "--kind", "segment")]
    assert kinds.count("segment") == 3 and kinds.count("chain") == 6


def test_text(state, events):
    status, said, errors = fim("log", "--state", state, "--utc", "--op", "rename")
    line = said.splitlines()[0]
    assert (status, errors) == (0, "")
    assert "rename     /etc/passwd -> /etc/passwd-" in line
    assert line.startswith(events[7]["time"][:10]) and "/usr/bin/vim[1234] < /usr/bin/bash" in line
    everything = fim("log", "--state", state)[1]
    assert len(everything.splitlines()) == len(events) and "\x1b" not in everything


def test_a_damaged_segment_is_said(state, tmp_path, events):
    copy = str(tmp_path / "state")
    subprocess.check_call(["cp", "-r", state, copy])
    with open(journals.file_of(copy + "/journal", 1), "r+b") as file:
        file.truncate(100)
    status, said, errors = fim("log", "--state", copy, "--format", "json")
    assert status == 0 and "see fim verify" in errors
    assert 0 < len(said.splitlines()) < len(events)


def test_a_name_that_is_not_text(tmp_path):
    """Is asked for by its bytes, or as it is shown."""
    journal = Journal(Segments(str(tmp_path / "journal"), make=True), journals.MACHINE)
    Stream(journal.append).emit("found", path_members("path", b"/d/\xff\xe4/file"))
    journal.close()
    for name in (b"/d/\xff\xe4", b"/d/\xff*", rb"/d/\xff\xe4/file"):
        done = subprocess.run([sys.executable, "-m", "fim", "log", "--state", str(tmp_path), "--path",
                               name], cwd=ROOT, stdout=subprocess.PIPE)
        assert len(done.stdout.splitlines()) == 1, name


@pytest.mark.parametrize("form", ("text", "json"))
def test_lines_that_are_no_records(tmp_path, form):
    """They are passed over: telling of them is what verify is for."""
    journal = Journal(Segments(str(tmp_path / "journal"), make=True), journals.MACHINE)
    at = '"time": "2026-11-23T04:54:31.825802160Z"'
    for line in ("{%s}", '[{%s}]', '{"kind": [], %s}', '{"kind": "event", %s}'):
        journal.append((line % at).encode() + b"\n")
    journal.append(b'{"v": 1, "kind": "error", %s, "message": "whole"}\n' % at.encode())
    journal.close()
    status, said, errors = fim("log", "--state", str(tmp_path), "--format", form)
    assert (status, errors) == (0, "") and "whole" in said.splitlines()[-1]


def heartbeat(head, journal):
    """As a daemon sends it."""
    lines = []
    stream = Stream(lines.append)
    stream.emit("heartbeat", {"counts": {}, "waiting": 0,
                              "head": dict(head._asdict(), journal=journal.id, segment=1)})
    record = json.loads(lines[0].decode())
    record["host"] = {"name": "h", "machine_id": journals.MACHINE, "boot_id": None}
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize("form", ("json", "ecs", "ocsf"))
def test_anchors_of_each_form(tmp_path, form):
    """A head is found in each, and one that is another is told."""
    journal, heads = journals.write(str(tmp_path / "journal"))
    kept, verify = tmp_path / "kept", ("verify", "--state", str(tmp_path), "--anchors",
                                       str(tmp_path / "kept"))
    for head, status in ((heads[5], 0), (heads[5]._replace(hash="0" * 64), 1)):
        line = heartbeat(head, journal)
        kept.write_bytes(line if form == "json" else documents(form)(line[:-1]) + b"\n")
        assert fim(*verify)[0] == status


def test_the_machine_of_an_anchor(tmp_path):
    """Is in a document, too."""
    journal, heads = journals.write(str(tmp_path / "journal"))
    line = heartbeat(heads[-1], journal).decode().strip()
    for form in ("ecs", "ocsf"):
        anchor, = anchors([documents(form)(line.encode()).decode()])
        assert anchor == (journal.id, journals.MACHINE, heads[-1].link, heads[-1].hash)


@pytest.mark.parametrize("text", ("", '{"kind": "event"}\n', '{"kind":"heartbeat","head":null}\n',
                                  "no record\n"))
def test_a_file_without_anchors(tmp_path, text):
    """Compares nothing, so it passes nothing."""
    journals.write(str(tmp_path / "journal"))
    (tmp_path / "kept").write_text(text)
    status, said, errors = fim("verify", "--state", str(tmp_path), "--anchors",
                               str(tmp_path / "kept"))
    assert (status, said) == (18, "") and "no heartbeat" in errors


MOMENTS = {"90s": -90, "30m": -1800, "1h": -3600, "2d": -2 * 86400, "1w ago": -7 * 86400, "now": 0}


@pytest.mark.parametrize("text", sorted(MOMENTS))
def test_moments_from_now(text):
    assert moment(text, 10**9) == (10**9 + MOMENTS[text]) * 10**9


@pytest.mark.parametrize("zone", ("UTC", "Europe/Berlin", "America/New_York"))
def test_moments_of_the_calendar(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        now = time.mktime((2026, 11, 23, 15, 0, 0, 0, 0, -1))
        assert moment("today", now) == int(10**9 * (now - 15 * 3600))
        assert moment("yesterday", now) == int(10**9 * (now - 39 * 3600))
        assert moment("2026-11-23 15:00", now) == int(10**9 * (now))
        assert moment("2026-11-23T15:00:01.5", now) == int(10**9 * (now + 1.5))
        assert moment("2026-07-01") == int(10**9 * (time.mktime((2026, 7, 1, 0, 0, 0, 0, 0, -1))))
        assert moment("1970-01-02T00:00Z") == int(10**9 * (86400))
        assert moment("1970-01-02T02:00+02:00") == int(10**9 * (86400))
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ("", "soon", "1x", "2026-13-01", "2026-02-30", "10:00"))
def test_no_moments(text):
    with pytest.raises(UsageError):
        moment(text)


def test_verify(state, tmp_path):
    status, said, errors = fim("verify", "--state", state)
    assert (status, errors) == (0, "") and said.startswith("whole: ")
    copy = str(tmp_path / "state")
    subprocess.check_call(["cp", "-r", state, copy])
    with open(copy + "/journal/00000004.jsonl", "ab") as file:
        file.write(b"{")
    assert fim("verify", "--state", copy)[0] == 2
    lines = journals.load(copy + "/journal", 2)
    journals.store(copy + "/journal", 2, lines[:3] + lines[4:])
    status, said, _ = fim("verify", "--state", copy)
    assert status == 3 and "00000002.jsonl, link" in said and said.splitlines()[-1].startswith(
        "tampered, and incomplete: ")
    status, said, _ = fim("verify", "--state", copy, "--format", "json")
    assert status == 3 and {json.loads(line)["kind"] for line in said.splitlines()} == {
        "content", "tail"}


def test_anchors(state, tmp_path):
    """Of a collector's file, in which there is anything."""
    links = found(state, "--kind", "chain")
    note = found(state, "--kind", "segment")[-1]
    head = {"journal": note["journal"], "link": links[-1]["link"], "hash": "0" * 64}
    heartbeat = {"v": 1, "kind": "heartbeat", "host": {"machine_id": journals.MACHINE},
                 "head": dict(head)}
    path = str(tmp_path / "collected")
    with open(path, "w") as file:
        file.write('{"kind": "event"}\n' + json.dumps(heartbeat) + "\n")
    status, said, _ = fim("verify", "--state", state, "--anchors", path)
    assert status == 1 and "anchor" in said
    heartbeat["head"].update(link=note["link"], hash=note["hash"])
    with open(path, "w") as file:
        file.write('{"kind": "event"}\n' + json.dumps(heartbeat) + "\n")
    assert fim("verify", "--state", state, "--anchors", path)[0] == 0


BAD = {
    "no journal": (("verify", "--state", "/no such"), 18, "/no such/journal"),
    "no anchors": (("verify", "--anchors", "/no such"), 18, "/no such"),
    "verify takes no path": (("verify", "--nosuch"), 15, "--nosuch"),
    "log: no journal": (("log", "--state", "/no such"), 1, "/no such/journal"),
    "log: no time": (("log", "--since", "soon"), 1, "soon"),
    "log: no span": (("log", "--since", "1h", "--until", "2h"), 1, "--until 2h"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_used_badly(case, state):
    arguments, expected, word = BAD[case]
    if "--state" not in arguments:
        arguments += ("--state", state)
    status, said, errors = fim(*arguments)
    assert (status, said) == (expected, "")
    assert errors.startswith("fim: ") and errors.count("\n") == 1 and word in errors
