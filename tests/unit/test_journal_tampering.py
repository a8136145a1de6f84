# SPDX-License-Identifier: GPL-2.0-only
"""Everything that can be done to a journal is found, and where."""
import json
import os
import random
import shutil

import pytest

import journals
from journals import chain_after, chain_before, load, rechain, store, tampered, verify
from fim.chain import Head, compact
from fim.seal import Keys, first_key
from fim.verify import Anchor

SECRET = b"the fleet's"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A journal of this host (sealed), one of another, and every head of the first."""
    base = tmp_path_factory.mktemp("made")
    keys = Keys(str(base), first_key(SECRET, journals.MACHINE))
    journal, heads = journals.write(str(base / "own"), keys=keys)
    other = Keys(str(base), first_key(SECRET, "2" * 32))
    journals.write(str(base / "other"), machine="2" * 32, stream="cd" * 16, keys=other)
    kept = [Anchor(journal.id, journals.MACHINE, head.link, head.hash) for head in heads]
    return base, kept


@pytest.fixture
def own(made, tmp_path):
    """A copy to spoil."""
    path = str(tmp_path / "journal")
    shutil.copytree(str(made[0] / "own"), path)
    return path


@pytest.fixture
def other(made):
    return str(made[0] / "other")


def flip(lines, at, other):
    lines[at] = lines[at].replace(b"create", b"creatf")


def cut(lines, at, other):
    del lines[at]


def insert(lines, at, other):
    lines.insert(at, other[at])


def duplicate(lines, at, other):
    lines.insert(at, lines[at])


def reorder(lines, at, other):
    with_ = at - 1 if lines[at + 1].startswith(journals.CHAIN_START) else at + 1
    lines[at], lines[with_] = lines[with_], lines[at]


def shorten(lines, at, other):
    lines[at] = lines[at][:20] + b"\n"


def join(lines, at, other):
    lines[at] = lines[at][:-1]


def retime(lines, at, other):
    lines[at] = lines[at].replace(b"2026", b"2025")


def blank(lines, at, other):
    lines.insert(at, b"\n")


def chain_hash(lines, at, other):
    link = chain_after(lines, at)
    lines[link] = lines[link].replace(b'"sha256":"', b'"sha256":"0')


def chain_count(lines, at, other):
    link = chain_after(lines, at)
    lines[link] = lines[link].replace(b'"records":', b'"records":1')


def chain_cut(lines, at, other):
    del lines[chain_after(lines, at)]


def chain_moved(lines, at, other):
    link = chain_after(lines, at)
    lines.insert(link - 1, lines.pop(link))


def chain_spoilt(lines, at, other):
    link = chain_after(lines, at)
    lines[link] = lines[link][:60] + b"\n"


def splice_record(lines, at, other):
    lines[at] = other[at]


def splice_batch(lines, at, other):
    here = slice(chain_before(lines, at) + 1, chain_after(lines, at) + 1)
    lines[here] = other[here]


RECORD_KINDS = [flip, cut, insert, duplicate, reorder, shorten, join, retime, blank, chain_hash,
                chain_count, chain_cut, chain_moved, chain_spoilt, splice_record, splice_batch]
PLACES = {"first": 2, "edge": 201, "middle": 250, "last": -2}  # 2: behind the note and its link


@pytest.mark.parametrize("segment", (1, 2, 3))
@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("kind", RECORD_KINDS, ids=lambda kind: kind.__name__)
def test_what_is_done_to_a_record(own, other, kind, place, segment):
    lines = load(own, segment)
    at = PLACES[place] % len(lines)
    record = json.loads(lines[at].decode())
    assert record["kind"] == "event"
    kind(lines, at, load(other, segment))
    store(own, segment, lines)
    found = tampered(verify(own)[0])
    if kind in (chain_cut, join) and (segment, place) == (3, "last"):
        assert [finding.kind for finding in verify(own)[0]] == ["tail"]  # as after a crash
        return
    assert found and found[0].segment in (segment, segment + 1)
    if found[0].kind == "content" and kind not in (chain_cut, splice_batch):
        first, last = found[0].records
        assert first - 1 <= record["seq"] <= last


def test_as_it_was(own, made):
    findings, verifier = verify(own, kept=made[1], secret=SECRET)
    assert findings == []
    assert (verifier.records, verifier.links) == (3 * 451, 3 * 4)


def rewritten(path, segment, at, key=None):
    """A record changed, and everything chained anew from there to the end."""
    for number in range(segment, 4):
        lines = load(path, number)
        if number == segment:
            head = json.loads(lines[0].decode())
            head = Head(head["link"], head["hash"])
            flip(lines, at, None)
        lines, head = rechain(lines, head, key)
        store(path, number, lines)


@pytest.mark.parametrize("segment", (1, 2, 3))
@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_chain_written_anew(own, made, place, segment):
    """By itself it is a journal; anchors and seals tell."""
    rewritten(own, segment, PLACES[place])
    assert tampered(verify(own)[0]) == []
    assert "anchor" in {finding.kind for finding in verify(own, kept=made[1])[0]}
    found = verify(own, secret=SECRET)[0]
    assert {finding.kind for finding in found} == {"seal"} and found[0].segment == segment


def test_a_seal_with_a_later_key(own, made):
    """Who takes the machine over has the third segment's key."""
    key = Keys(str(made[0])).of(3)
    rewritten(own, 2, 5, key)
    assert {finding.segment for finding in verify(own, secret=SECRET)[0]} == {2, 3}


@pytest.mark.parametrize("segment", (1, 2, 3))
@pytest.mark.parametrize("place", sorted(PLACES))
def test_the_end_is_cut_off(own, made, place, segment):
    """Behind a chain line: in the newest segment only anchors tell."""
    lines = load(own, segment)
    end = chain_before(lines, PLACES[place] % len(lines)) + 1
    store(own, segment, lines[:end])
    assert bool(tampered(verify(own)[0])) == (segment < 3)
    assert "rolled back" in {f.kind for f in verify(own, kept=made[1])[0]} or segment < 3


@pytest.mark.parametrize("segment", (1, 2, 3))
def test_torn_in_a_record(own, segment):
    """The newest may have been torn by a crash, no other."""
    lines = load(own, segment)
    store(own, segment, lines[:100] + [lines[100][:50]])
    assert bool(tampered(verify(own)[0])) == (segment < 3)
    assert verify(own)[0]


@pytest.mark.parametrize("segment", (1, 2))
def test_a_segment_is_gone(own, segment):
    os.unlink(journals.file_of(own, segment))
    assert "missing" in {finding.kind for finding in verify(own)[0]}


def test_the_newest_is_gone(own, made):
    os.unlink(journals.file_of(own, 3))
    assert verify(own)[0] == []
    assert {finding.kind for finding in verify(own, kept=made[1])[0]} == {"rolled back"}


def test_everything_is_gone(own, made):
    for number in (1, 2, 3):
        os.unlink(journals.file_of(own, number))
    assert {finding.kind for finding in verify(own, kept=made[1])[0]} == {"empty", "rolled back"}


def test_the_directory_is_rolled_back(made, tmp_path):
    """To a copy of before: a journal by itself."""
    path = str(tmp_path / "journal")
    journal, _ = journals.write(path, segments=1)
    before = str(tmp_path / "before")
    shutil.copytree(path, before)
    journal = journals.Journal(journals.Segments(path), journals.MACHINE)
    journal.append(journals.records(451, 300))
    journal.close()
    kept = [Anchor(journal.id, journals.MACHINE, journal.head.link, journal.head.hash)]
    assert verify(path, kept=kept)[0] == []
    assert verify(before)[0] == []
    assert [finding.kind for finding in verify(before, kept=kept)[0]] == ["rolled back"]


def test_a_new_journal_in_its_place(made, tmp_path):
    journals.write(str(tmp_path / "journal"))
    found = verify(str(tmp_path / "journal"), kept=made[1])[0]
    assert [finding.kind for finding in found] == ["replaced"]


@pytest.mark.parametrize("pair", ((1, 2), (2, 3), (1, 3)))
def test_segments_change_places(own, pair):
    first, second = (load(own, number) for number in pair)
    store(own, pair[0], second)
    store(own, pair[1], first)
    assert {"misplaced", "broken"} <= {finding.kind for finding in verify(own)[0]}


@pytest.mark.parametrize("segment", (1, 2, 3))
def test_a_segment_of_another_host(own, other, segment):
    store(own, segment, load(other, segment))
    assert "broken" in {finding.kind for finding in tampered(verify(own)[0])}


@pytest.mark.parametrize("segment", (1, 2))
def test_an_empty_segment(own, segment):
    store(own, segment, [])
    assert {"misplaced", "broken"} & {finding.kind for finding in verify(own)[0]}


def test_said_to_be_expired(own, made):
    """The first segment removed, and a note of it forged, with the chain written anew."""
    note = json.loads(load(own, 2)[0].decode())
    os.unlink(journals.file_of(own, 1))
    head = Head(note["link"], note["hash"])
    for number in (2, 3):
        lines = load(own, number)
        begun = json.loads(lines[0].decode())
        begun["expired"] = dict(segment=1, link=note["link"], hash=note["hash"], records=451)
        lines[0] = compact(begun) + b"\n"
        lines, head = rechain(lines, head)
        store(own, number, lines)
    assert tampered(verify(own)[0]) == []
    assert "anchor" in {finding.kind for finding in verify(own, kept=made[1])[0]}
    assert "seal" in {finding.kind for finding in verify(own, secret=SECRET)[0]}


@pytest.mark.parametrize("segment", (1, 2, 3))
def test_any_byte(own, segment):
    """Whatever it is, it is found, and verify ends as it should."""
    choose = random.Random(segment)
    before = b"".join(load(own, segment))
    for _ in range(150):
        spoilt = bytearray(before)
        at = choose.randrange(len(spoilt))
        spoilt[at] ^= 1 << choose.randrange(8)
        store(own, segment, [bytes(spoilt)])
        found = verify(own)[0]
        assert found and (segment == 3 or tampered(found)), (at, spoilt[at - 20:at + 20])


SENSELESS = {
    "a link of words": (b'"link":6', b'"link":"6"'),
    "a link of nothing": (b'"records":200', b'"records":null'),
    "nested": (b'"records":200', b'"records":' + b"[" * 100000),
    "no members": (b'"sha256"', b'"sha255"'),
    "a note of words": (b'"expired":{"segment":0', b'"expired":{"segment":"0"'),
    "a note of a list": (b'"machine_id":"', b'"machine_id": [], "x": "'),
}


@pytest.mark.parametrize("case", sorted(SENSELESS))
def test_senseless_lines(own, case):
    lines = [line.replace(*SENSELESS[case]) for line in load(own, 2)]
    assert lines != load(own, 2)
    store(own, 2, lines)
    assert tampered(verify(own)[0]) and tampered(verify(own, secret=SECRET)[0])


@pytest.mark.parametrize("damage", ("flip", "cut", "text"))
def test_a_damaged_compressed_file(own, damage):
    name = journals.file_of(own, 1)
    with open(name, "rb") as file:
        data = bytearray(file.read())
    if damage == "flip":
        data[len(data) // 2] ^= 0x55
    elif damage == "cut":
        del data[len(data) // 2:]
    else:
        data = b"no gzip"
    with open(name, "wb") as file:
        file.write(data)
    found = verify(own)[0]
    assert "unreadable" in {finding.kind for finding in found} and found[0].segment == 1


def test_a_file_that_is_none_of_ours(own):
    open(own + "/00000009.txt", "w").close()
    assert [finding.kind for finding in verify(own)[0]] == ["foreign"]


def test_a_link_in_place_of_a_segment(own):
    name = journals.file_of(own, 2)
    os.rename(name, own + "x")
    os.symlink(own + "x", name)
    found = tampered(verify(own)[0])
    assert found[0].kind == "unreadable" and found[0].segment == 2


def test_only_hashes_that_are_asked_for_are_kept(own, made):
    """Of a journal of millions of links."""
    assert verify(own)[1].seen == {}
    anchor = made[1][2]
    assert verify(own, kept=[anchor])[1].seen == {anchor.link: anchor.hash}
