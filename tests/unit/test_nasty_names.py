# SPDX-License-Identifier: GPL-2.0-only
"""Events of any name, as the core renders them: through every sink and format, and what is
written by --output, the original bytes come back, and nothing acts on a terminal."""
import argparse
import base64
import json

import pytest

import core_record
from core_build import Driver
from core_record import walk
from fim import cli_sinks
from fim.sinks import FORMATS
from test_schema import HEAD
from test_sinks import NASTY, WAYS

HOST = b'"host":' + json.dumps(HEAD["host"]).encode("ascii")


@pytest.fixture(scope="module")
def rendered():
    """(JSON lines, lines of text): each name renamed, by a program of that name."""
    with Driver("decode_driver") as driver:
        parts = [driver.ask(core_record.record(
            "rename", path=walk(b"/etc/" + name), path2=walk(b"/srv/%s.php" % name),
            exe=walk(b"/opt/" + name), args=name + b"\0")).split(b"\n", 2) for name in NASTY]
    return (b"".join(part[1].replace(b'"host":null', HOST, 1) + b"\n" for part in parts),
            b"".join(part[2] + b"\n" for part in parts))


def member(document, way):
    """What is there, by a dotted way; None for nothing."""
    for name in way.split("."):
        document = (document or {}).get(name)
    return document


# format: where the new name is, the old one and the program, each with its base64
WHERE = {
    "json": (("path", "path_b64"), ("old_path", "old_path_b64"), ("process.exe", "process.exe_b64")),
    "ecs": (("file.path", "fim.path_b64"), ("fim.old_path", "fim.old_path_b64"),
            ("process.executable", "fim.process.exe_b64")),
    "ocsf": (("file_result.path", "unmapped.path_b64"), ("file.path", "unmapped.old_path_b64"),
             ("actor.process.file.path", "unmapped.process.exe_b64")),
}


def original(document, text, base_64):
    """The bytes that a name had."""
    encoded = member(document, base_64)
    return base64.b64decode(encoded) if encoded else member(document, text).encode("utf-8")


def assert_equal(bodies, form):
    """Each is the event of its name, in one line that does nothing."""
    assert len(bodies) == len(NASTY)
    for body, name in zip(bodies, NASTY):
        assert core_record.harmless(body.decode("utf-8"))
        document = json.loads(body.decode("utf-8"))
        assert [original(document, *where) for where in WHERE[form]] == [
            b"/srv/%s.php" % name, b"/etc/" + name, b"/opt/" + name]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_through_every_sink(tmp_path, rendered, way, form):
    messages = WAYS[way](tmp_path, form, rendered[0], len(NASTY))
    assert [number for number, _ in messages] == list(range(1, len(NASTY) + 1))
    assert_equal([body for _, body in messages], form)


def written(tmp_path, form, lines):
    """The lines of the file that `fim watch --output FILE --format` leaves."""
    options = argparse.Namespace(output=str(tmp_path / "out"), sink=[], spool=str(tmp_path / "spool"))
    with cli_sinks.outputs(options, form) as output:
        output.write(lines)
    return (tmp_path / "out").read_bytes().split(b"\n")[:-1]


@pytest.mark.parametrize("form", FORMATS)
def test_into_the_output(tmp_path, rendered, form):
    assert_equal(written(tmp_path, form, rendered[0]), form)


def test_text_for_people(tmp_path, rendered):
    """A line a record, from which no name can break out."""
    lines = written(tmp_path, "text", rendered[1])
    assert len(lines) == len(NASTY)
    assert all(core_record.harmless(line.decode("utf-8")) for line in lines)
