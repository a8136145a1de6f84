# SPDX-License-Identifier: GPL-2.0-only
"""What we write ourselves is no change to tell; what others do to the same files is."""
import os

import pytest

import core_record
from drilled_tree import NEW, file_of, ids

OTHERS = 1
STATE = "/state"


@pytest.fixture
def state(tree):
    """A directory in the watched tree, as the monitor has its own."""
    os.makedirs(tree.root + STATE + "/journal")
    tree.watch()
    tree.ask("O", tree.root + STATE)
    return tree.root + STATE


def act(tree, op, path, ours, flags=0):
    """The record of what was just done, by us or by somebody else."""
    pid = tree.driver._process.pid if ours else OTHERS
    tree.ask("r", core_record.record(
        op, file=file_of(os.lstat(path)), actor=dict(pid=pid), time=tree.when(), flags=flags,
        dir=tuple(ids(os.lstat(os.path.dirname(path))).values()),
        path=core_record.walk(path.encode())))


def make(tree, path, ours):
    """A directory."""
    os.mkdir(path)
    tree.stamp(path)
    act(tree, "mkdir", path, ours, NEW)


def write(tree, path, ours):
    with open(path, "a") as file:
        file.write("x")
    tree.stamp(path)
    act(tree, "modify", path, ours)


def told(tree):
    return [(record["op"], record["path"]) for record in tree.ask("p") if record["kind"] == "event"]


@pytest.mark.parametrize("place", ("", "/journal"))
def test_who_writes_decides(tree, state, place):
    path = state + place + "/1.jsonl"
    write(tree, path, ours=True)
    assert told(tree) == []
    write(tree, path, ours=False)
    assert told(tree) == [("modify", path)]


@pytest.mark.parametrize("ours", (True, False))
def test_a_directory_made_anew(tree, state, ours):
    """Somebody has taken the one that was there away: ours is the new one, whoever made it."""
    os.rename(state + "/journal", tree.outside("away"))
    make(tree, state + "/journal", ours)
    make(tree, state + "/journal/deeper", True)
    write(tree, state + "/journal/1.jsonl", ours=True)
    write(tree, state + "/journal/deeper/1.json", ours=True)
    assert told(tree) == ([] if ours else [("mkdir", state + "/journal")])
    write(tree, state + "/journal/deeper/1.json", ours=False)
    assert told(tree) == [("modify", state + "/journal/deeper/1.json")]


def test_what_we_do_elsewhere_is_told(tree, state):
    write(tree, tree.root + "/file", ours=True)
    assert told(tree) == [("modify", tree.root + "/file")]


def test_one_file_of_ours(tree):
    """As an output is."""
    path = tree.root + "/output"
    open(path, "x").close()
    tree.watch()
    tree.ask("O", path)
    write(tree, path, ours=True)
    write(tree, tree.root + "/other", ours=True)
    assert told(tree) == [("modify", tree.root + "/other")]
