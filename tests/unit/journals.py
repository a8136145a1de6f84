# SPDX-License-Identifier: GPL-2.0-only
"""Journals on plain files, and what somebody may do to them."""
import contextlib
import glob
import gzip

from fim.chain import CHAIN_START, head_of, link_line, parse_link
from fim.journal import Journal
from fim.segments import Segments
from fim.verify import KINDS, Verifier

RECORD = ('{"v":1,"kind":"event","seq":%d,"stream":"%s","time":"%s","host":{"name":"h", '
          '"machine_id":"%s","boot_id":null},"labels":{},"op":"create","path":"/t/%d"}\n')
TIME = "2026-11-23T04:54:31.825802160Z"
MACHINE, STREAM = "1" * 32, "ab" * 16


def records(first, count, stream=STREAM, machine=MACHINE):
    """So many lines."""
    return b"".join((RECORD % (seq, stream, TIME, machine, seq)).encode("ascii")
                    for seq in range(first, first + count))


def write(path, segments=3, count=450, packed=1, machine=MACHINE, stream=STREAM, keys=None):
    """A journal of segments of so many records each; the heads at the end of each batch."""
    journal = Journal(Segments(path, make=True), machine, keys=keys)
    heads = []
    for number in range(1, segments + 1):
        if number > 1:
            journal.rotate()
        heads.append(journal.head)
        for part in range(0, count, 100):
            size = min(100, count - part)
            journal.append(records(1 + (number - 1) * count + part, size, stream, machine))
            heads.append(journal.head)
        journal.flush()
        heads.append(journal.head)
    journal.close()
    for number in range(1, packed + 1):
        journal.segments.pack(number)
    return journal, heads


def verify(path, **how):
    """(findings, verifier)"""
    segments = Segments(path)
    try:
        verifier = Verifier(segments, **how)
        return list(verifier.run()), verifier
    finally:
        segments.close()


def lines_of(path):
    """Every line, segment by segment."""
    with contextlib.closing(Segments(path)) as segments:
        return [line for number in segments.numbers() for line in load(path, number)]


def tampered(findings):
    return [finding for finding in findings if KINDS[finding.kind][0]]


def file_of(path, number):
    return glob.glob("%s/%08d.jsonl*" % (path, number))[0]


def load(path, number):
    """The lines of a segment."""
    name = file_of(path, number)
    with (gzip.open if name.endswith("gz") else open)(name, "rb") as file:
        return file.readlines()


def store(path, number, lines):
    """And back, in the same form."""
    name = file_of(path, number)
    with (gzip.open if name.endswith("gz") else open)(name, "wb") as file:
        file.writelines(lines)


def rechain(lines, head, key=None):
    """The lines with chain lines made anew behind `head`."""
    batch, result = [], []
    for line in lines:
        if not line.startswith(CHAIN_START):
            batch.append(line)
            continue
        line = link_line(b"".join(batch), head, 0, key)
        head = head_of(parse_link(line), line)
        result += batch + [line]
        batch = []
    return result + batch, head


def chain_after(lines, at):
    """The index of the chain line of a record."""
    return next(i for i in range(at, len(lines)) if lines[i].startswith(CHAIN_START))


def chain_before(lines, at):
    """And of the one before its batch, -1 none."""
    return next((i for i in range(at, -1, -1) if lines[i].startswith(CHAIN_START)), -1)
