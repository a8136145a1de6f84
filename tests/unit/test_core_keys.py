# SPDX-License-Identifier: GPL-2.0-only
"""The pass over the keys of the hash ends, whoever removes some meanwhile.

The kernel begins again where the key that it was given is gone.
"""
import os
import struct
import time

import pytest

from drilled_tree import fill

STRANGERS = 60000  # core/reconcile_driver.c
SETTLED = 0.012    # seconds after which a record is applied


@pytest.fixture
def crowded(tree):
    """A tree, and many keys that no name leads to; a gap is open since it was there."""
    tree.since = fill(tree)
    tree.ask("m")
    return tree


def until_keys(tree):
    """The records until the pass over the keys has begun."""
    records = tree.ask("g", struct.pack("=Q", tree.since))
    while tree.ask("y") == [False]:
        records += tree.ask("q")
    return records


def over(tree, records):
    return any(record["kind"] == "gap_closed" for record in records)


def test_every_key_is_asked_for_once(crowded):
    records = until_keys(crowded) + crowded.ask("p")
    assert records[-1]["kind"] == "gap_closed" and records[-1]["undecided"] == STRANGERS


def test_a_key_that_we_remove_ourselves(crowded):
    """The next one is known before it goes."""
    records = until_keys(crowded)
    while not over(crowded, records):
        crowded.ask("X")
        records += crowded.ask("q")
    assert records[-1]["undecided"] == STRANGERS
    assert [record for record in records if record["kind"] == "error"] == []


def test_what_goes_out_meanwhile_waits(crowded):
    path, out = crowded.root + "/a/one", crowded.outside("out")
    until_keys(crowded)
    crowded.rename(path, out)
    time.sleep(SETTLED)
    moved = crowded.ask("q")
    assert [record["op"] for record in moved] == ["rename"] and crowded.ask("y") == [True]
    assert crowded.ask("k", out) == [True]
    crowded.ask("p")
    assert crowded.ask("k", out) == [False]


def test_keys_removed_faster_than_they_are_read(crowded):
    """It gives them up, says so, and reads every directory: also one that nobody stamped."""
    made = crowded.root + "/b/c/made"
    records = until_keys(crowded)
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY))
    while not over(crowded, records):
        crowded.ask("x")
        records += crowded.ask("q")
    errors = [record["message"] for record in records if record["kind"] == "error"]
    assert len(errors) == 1 and "every directory is read again" in errors[0]
    found = {(record["path"], record["state"]) for record in records
             if record["kind"] == "reconcile"}
    assert (made, "new") in found
    assert records[-1]["kind"] == "gap_closed"
    assert crowded.known()[made]
