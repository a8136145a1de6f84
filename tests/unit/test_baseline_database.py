# SPDX-License-Identifier: GPL-2.0-only
"""The state file: refused when altered, damaged or newer; whole after any kill."""
import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import jsonschema
import pytest

from core_build import ROOT
from fim import _core, database
from trees import Tree

ERROR = 18


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path).approved_as_made()


def path_of(tree):
    return os.path.join(tree.state, "fim.db")


def execute(tree, statement, *values):
    """Somebody else's change of the file."""
    with sqlite3.connect(path_of(tree)) as connection:
        connection.execute(statement, values)
    connection.close()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


ALTERED = {
    "a hash": ("UPDATE approved SET facts = substr(facts, 1, length(facts) - 1) || x'00'",),
    "facts cut": ("UPDATE approved SET facts = substr(facts, 1, 10)",),
    "facts of another kind": ("UPDATE approved SET facts = 'text'",),
    "a tail": ("UPDATE approved SET facts = facts || x'ff00000000'",),
    "a name": ("UPDATE approved SET path = CAST(path || 'x' AS BLOB) WHERE rowid = 2",),
    "a row less": ("DELETE FROM approved WHERE rowid = 2",),
    "a row more": ("INSERT INTO approved SELECT x'2f78', facts FROM approved WHERE rowid = 2",),
    "the scope": ("UPDATE meta SET value = replace(value, 'tree', 'tre') WHERE key = 'scope'",),
    "no scope": ("UPDATE meta SET value = 'x' WHERE key = 'scope'",),
    "a scope that is none": ("UPDATE meta SET value = '[1]' WHERE key = 'scope'",),
    "a scope of bytes": ("UPDATE meta SET value = x'00ff' WHERE key = 'scope'",),
    "another member": ("UPDATE meta SET value = replace(value, 'growing', 'grow')",),
    "another hash": ("UPDATE meta SET value = replace(value, 'sha256', 'sha') WHERE key = 'scope'",),
    "the digest": ("UPDATE meta SET value = '00' WHERE key = 'digest'",),
}


@pytest.mark.parametrize("case", sorted(ALTERED))
def test_an_altered_baseline_is_refused(tree, case):
    tree.write("n")
    number = tree.check()[2]["id"]
    execute(tree, *ALTERED[case])
    status, out, said = tree.fim("check")
    assert (status, out) == (ERROR, "") and "altered" in said
    status, out, said = tree.fim("accept", number, "--reason", "x")
    assert (status, out) == (1, "") and "altered" in said
    assert tree.fim("show", "--format", "json")[0] == 1


@pytest.mark.parametrize("done, said", (
    ("UPDATE meta SET value = 'x' WHERE key = 'content_bytes'", "altered"),
    ("DROP TABLE meta", "no such table"), ("DROP TABLE approved", "no such table")))
def test_what_stands_beside_it_is_altered(tree, done, said):
    """One line, whatever it is."""
    execute(tree, done)
    status, out, line = tree.fim("check")
    assert (status, out) == (ERROR, "") and said in line and line.count("\n") == 1


def test_the_text_under_a_seal():
    rows = [(b"/a", b"xy"), (b"/" + b"b" * 300, b""), (b"/\0", b"\0" * 12)]
    assert _core.row_text(rows) == b"".join(b"%d %d " % (len(path), len(facts)) + path + facts
                                            for path, facts in rows)
    assert _core.row_text([]) == b""
    for wrong in (tuple(rows), [(1, b"")], [(b"/a", "text", 3)]):
        with pytest.raises(TypeError):
            _core.row_text(wrong)


def test_a_newer_schema_is_left_as_it_is(tree):
    execute(tree, "PRAGMA user_version = %d" % (len(database.MIGRATIONS) + 1))
    before = digest(path_of(tree)), os.listdir(tree.state)
    for verb in (("check",), ("init", "--replace", tree.top), ("show",)):
        status, out, said = tree.fim(*verb)
        assert status in (1, ERROR) and not out and "newer" in said
    assert (digest(path_of(tree)), os.listdir(tree.state)) == before


def test_a_damaged_file_is_refused(tree):
    with open(path_of(tree), "r+b") as file:
        size = file.seek(0, 2)
        for at in range(4096, size, 512):
            file.seek(at)
            file.write(b"\xff" * 64)
    status, out, said = tree.fim("check")
    assert (status, out) == (ERROR, "") and "damaged" in said


@pytest.mark.parametrize("content", [b"text", b"text" * 100, b"SQLite format 3\0" + b"\1" * 200])
def test_what_is_no_database_of_ours(tree, content):
    with open(path_of(tree), "wb") as file:
        file.write(content)
    status, out, said = tree.fim("check")
    assert (status, out) == (ERROR, "") and said.startswith("fim: ") and said.count("\n") == 1
    with open(path_of(tree), "rb") as file:
        assert file.read() == content


def test_another_program_s_database(tree):
    os.unlink(path_of(tree))
    execute(tree, "CREATE TABLE theirs (x)")
    before = digest(path_of(tree))
    for verb in (("check",), ("init", tree.top)):
        status, out, said = tree.fim(*verb)
        assert status in (1, ERROR) and not out and "another program" in said
    assert digest(path_of(tree)) == before


def test_no_baseline_yet(tmp_path):
    tree = Tree(tmp_path)
    for verb, expected in (("check", ERROR), ("show", 1)):
        status, _, said = tree.fim(verb)
        assert status == expected and "fim init" in said
    assert not os.path.exists(tree.state)


def test_the_state_is_for_nobody_else(tree):
    assert os.stat(tree.state).st_mode & 0o777 == 0o700
    assert os.stat(path_of(tree)).st_mode & 0o777 == 0o600
    tree.state += "/x/y/z"
    tree.init()
    for level in ("", "/..", "/../.."):
        assert os.stat(tree.state + level).st_mode & 0o777 == 0o700


def test_a_state_that_others_can_write_is_refused(tree):
    os.chmod(tree.state, 0o777)
    os.unlink(path_of(tree))
    status, out, said = tree.fim("init", tree.top)
    assert (status, out) == (1, "") and "others can write" in said
    assert not os.path.exists(path_of(tree))


@pytest.mark.parametrize("make", (lambda path: os.symlink(path + ".theirs", path), os.mkfifo,
                                  os.mkdir), ids=("link", "fifo", "directory"))
def test_what_is_no_file_is_no_database(tree, make):
    os.rename(path_of(tree), path_of(tree) + ".theirs")
    before = digest(path_of(tree) + ".theirs")
    make(path_of(tree))
    for verb in (("check",), ("init", "--replace", tree.top), ("show",)):
        status, out, said = tree.fim(*verb)
        assert status in (1, ERROR) and not out and "not a regular file" in said
    assert digest(path_of(tree) + ".theirs") == before


def test_an_empty_path_is_not_this_directory(tree):
    for verb in ("init", "check", "show"):
        status, out, said = tree.fim(verb, "")
        assert status in (1, 15) and not out and "a path is empty" in said


def test_one_writes_at_a_time(tree, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    first, second = (database.open_database(tree.state) for _ in range(2))
    with first.changing():
        with pytest.raises(database.FimError, match="in use"):
            with second.changing():
                pass
        assert second.count() == 5  # and reading goes on


@pytest.fixture
def validator():
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        return jsonschema.Draft7Validator(json.load(file))


def test_out_and_in_again(tree, tmp_path, validator):
    os.close(os.open(os.fsencode(tree.top) + b"/\xff\n", os.O_CREAT | os.O_WRONLY))
    os.symlink("a", tree.path("link"))
    tree.init("--replace")
    status, out, _ = tree.fim("show", "--format", "json")
    records = [json.loads(line) for line in out.splitlines()]
    for record in records:
        validator.validate(record)
    assert status == 0 and len(records) == records[0]["entries"] + 1 == 8
    exported = tmp_path / "exported"
    exported.write_text(out)
    tree.state = str(tmp_path / "again")
    status, out, said = tree.fim("init", "--import", str(exported))
    assert status == 0 and records[0]["digest"] in out, said
    assert tree.check()[:2] == (0, {})


@pytest.mark.parametrize("change", ["line", "shown", "packed", "cut"])
def test_an_altered_export_is_refused(tree, tmp_path, change):
    lines = tree.fim("show", "--format", "json")[1].splitlines()
    record = json.loads(lines[2])
    if change == "line":
        del lines[2]
    elif change == "shown":
        lines[2] = json.dumps(dict(record, file=dict(record["file"], mode="0777")))
    elif change == "packed":
        lines[2] = json.dumps(dict(record, facts=json.loads(lines[3])["facts"]))
    else:
        lines[-1] = lines[-1][:-20]
    exported = tmp_path / "exported"
    exported.write_text("\n".join(lines) + "\n")
    tree.state = str(tmp_path / "again")
    status, _, said = tree.fim("init", "--import", str(exported))
    assert status == 1 and "whole" in said and said.count("\n") == 1
    assert tree.fim("check")[0] == ERROR


def test_every_record_is_of_the_schema(tree, validator):
    tree.write("n")
    os.rename(tree.path("d"), tree.path("e"))
    os.chmod(tree.path("a"), 0)
    os.unlink(tree.path("b"))
    out = tree.fim("check", "--format", "json")[1]
    out += tree.fim("accept", "1", "--reason", "x", "--format", "json")[1]
    out += tree.fim("init", "--replace", tree.top, "--format", "json")[1]
    kinds = set()
    for line in out.splitlines():
        record = json.loads(line)
        validator.validate(record)
        kinds.add(record["kind"])
    assert kinds == {"finding", "check", "accept", "baseline"}


def wait_until_open(process, path):
    """Until it reads that file, which will take it a while."""
    fds, end = "/proc/%d/fd" % process.pid, time.monotonic() + 60
    while time.monotonic() < end:
        for fd in os.listdir(fds):
            with contextlib.suppress(OSError):
                if os.readlink(os.path.join(fds, fd)) == path:
                    return
        time.sleep(0.01)
    raise AssertionError("%s was not opened" % path)


def heed_interrupts():
    """A shell starts what it leaves in the background (these tests, perhaps) with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("verb,expected", [("init", 1), ("check", ERROR)])
def test_interrupted(tree, verb, expected):
    tree.write("large", bytes(1 << 20))
    command = {"init": ("init", "--replace", tree.top), "check": ("check",)}[verb]
    before = tree.whole()
    process = subprocess.Popen([sys.executable, "-m", "fim", *command, "--state", tree.state,
                                "--max-mb-per-s", "0.01"], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=heed_interrupts)
    wait_until_open(process, tree.path("large"))
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (expected, b"") and b"interrupted" in said
    assert said.count(b"\n") == 1 and tree.whole() == before
