# SPDX-License-Identifier: GPL-2.0-only
"""Whoever may use bpf(2) takes inodes out of the kernel's hash: that is noticed, and mended."""
import os
import struct
import time

import pytest

import core_record
from drilled_tree import file_of, fill, ids, walk

SETTLED = 0.012  # seconds after which a record is applied


def take_out(tree, *paths):
    """Their keys."""
    for path in paths:
        st = ids(os.lstat(path))
        tree.ask("d", struct.pack("=QII", st["ino"], st["dev"], 0))


def looks(tree, times=2):
    """What each of so many looks gives, apart."""
    found = []
    for _ in range(times):
        found += tree.ask("K")
        time.sleep(SETTLED)
        tree.ask("p")
    return found


def test_nothing_is_missing(tree):
    fill(tree)
    tree.create(tree.root + "/new")
    tree.rename(tree.root + "/b", tree.root + "/d")
    tree.unlink(tree.root + "/d/c/one")
    assert looks(tree, 3) == [[0, True]] * 3


def test_what_was_taken_out(tree):
    fill(tree)
    take_out(tree, tree.root + "/a", tree.root + "/b/one")
    assert looks(tree, 3) == [[0, True], [2, True], [2, True]]


def test_what_was_removed_is_not(tree):
    """Its key goes with it, before its record comes: or that was lost."""
    fill(tree)
    tree.told = False
    tree.unlink(tree.root + "/a/one")
    assert looks(tree) == [[0, True]] * 2


def test_what_is_made_anew_while_it_is_looked_at(tree):
    """By the same number, with a key of its own."""
    fill(tree)
    path = tree.root + "/a/one"
    take_out(tree, path, tree.root + "/a/two")
    assert looks(tree, 1) == [[0, True]]
    assert tree.ask("a", path) == [[1, True]]


@pytest.mark.parametrize("pattern", ("two", "*/b"))
def test_what_is_excluded_since(tree, pattern):
    """A larger hash has it no more: nobody has taken it out, and it is not put back."""
    fill(tree)
    os.link(tree.root + "/b/three", tree.root + "/a/linked")
    tree.watch()
    tree.ask("E", pattern)
    covered = ["/a/two", "/b/two", "/b/c/two"] if pattern == "two" else [
        "/b", "/b/one", "/b/two", "/b/c", "/b/c/one"]
    take_out(tree, *[tree.root + path for path in covered])
    assert looks(tree) == [[0, True]] * 2
    tree.ask("W") and tree.ask("p")
    assert not any(tree.ask("k", tree.root + path)[0] for path in covered)
    take_out(tree, tree.root + "/b/three")
    assert looks(tree) == [[0, True], [1, True]]


def test_it_is_compared_and_watched_again(tree):
    """Keys before contents: also what was made where nothing told of it."""
    fill(tree)
    taken = [tree.root, tree.root + "/a", tree.root + "/a/one"]
    take_out(tree, *taken)
    os.close(os.open(tree.root + "/a/made", os.O_CREAT | os.O_WRONLY))
    os.chmod(tree.root + "/a/one", 0o600)
    records = tree.ask("W") + tree.ask("p")
    found = {(record["path"][len(tree.root):], record["state"]) for record in records
             if record["kind"] == "reconcile"}
    assert found >= {("/a/made", "new"), ("/a/one", "changed")}
    assert all(tree.ask("k", path) == [True] for path in taken + [tree.root + "/a/made"])
    assert tree.known() == walk(tree.root)
    assert looks(tree) == [[0, True]] * 2


def test_what_is_ours_is_put_back_too(tree):
    """What others do to it is told; and it would be missed again at every look."""
    os.mkdir(tree.root + "/state")
    fill(tree)
    path = tree.root + "/state/fim.db"
    tree.create(path)
    tree.ask("O", tree.root + "/state")
    tree.ask("p")
    take_out(tree, path, tree.root + "/state")
    assert looks(tree) == [[0, True], [2, True]]
    records = tree.ask("W") + tree.ask("p")
    assert [record["kind"] for record in records] == ["blind", "gap_closed"]
    assert looks(tree) == [[0, True]] * 2


def take_and_compare(tree, *paths):
    """[flags, spots] of the key of each, that was taken out and put back."""
    take_out(tree, *paths)
    assert [tree.ask("v", path) for path in paths] == [[None]] * len(paths)
    tree.ask("W")
    tree.ask("p")
    return [tree.ask("v", path)[0] for path in paths]


INHERIT, OPEN_BEFORE, ABOVE = 1, 8, 64


def test_what_its_key_says_is_put_back(tree):
    """That it was open before; the blind spots that it lies in by each of its names."""
    tree.ask("S", "2" + tree.root + "/a")
    tree.ask("S", "6" + tree.root + "/b")
    for directory in ("a", "b"):
        os.mkdir(tree.root + "/" + directory)
    for name in ("a/one", "a/both", "b/one"):
        os.close(os.open(tree.root + "/" + name, os.O_CREAT))
    os.link(tree.root + "/a/both", tree.root + "/b/both")
    tree.watch()
    tree.ask("B", tree.root + "/a/one")
    paths = [tree.root + path for path in ("/a", "/a/one", "/b/one", "/a/both")]
    assert take_and_compare(tree, *paths) == [
        [INHERIT, 2], [OPEN_BEFORE, 2], [0, 6], [0, 2]]


def test_a_directory_above_is_put_back(tree):
    """Also one that is watched itself, for another root."""
    fill(tree)
    tree.ask("w", tree.root + "/b/c")
    above = os.path.dirname(tree.root)
    assert tree.ask("v", above) == [[ABOVE, 0]]
    assert take_and_compare(tree, above, tree.root + "/b", tree.root + "/b/c") == [
        [ABOVE, 0], [INHERIT | ABOVE, 0], [INHERIT, 0]]


def block_device():
    """The number of one that is there, as a key has it, or None."""
    for name in sorted(os.listdir("/sys/dev/block")) if os.path.isdir("/sys/dev/block") else ():
        major, minor = map(int, name.split(":"))
        return major << 20 | minor
    return None


@pytest.mark.skipif(block_device() is None, reason="no block device here")
def test_a_block_device_is_put_back(tree):
    fill(tree)
    number = block_device()
    tree.ask("D", str(number))
    assert tree.ask("v", str(number)) == [[0, 0]]
    tree.ask("d", struct.pack("=QII", number, 0xffffffff, 0))
    assert tree.ask("v", str(number)) == [None]
    tree.ask("W")
    tree.ask("p")
    assert tree.ask("v", str(number)) == [[0, 0]]


@pytest.mark.parametrize("count, told", ((3, 3), (2**32 - 3, 1)))
def test_a_file_that_was_open_meanwhile(tree, count, told):
    """Its key counts anew: that something was done is known, how much is not."""
    fill(tree)
    path = tree.root + "/a/one"
    tree.ask("r", core_record.record(
        "close", file=file_of(os.lstat(path)), time=tree.when(), count=count,
        dir=tuple(ids(os.lstat(tree.root + "/a")).values()),
        path=core_record.walk(path.encode())))
    record, = [record for record in tree.ask("p") if record["kind"] == "event"]
    assert (record["op"], record["count"]) == ("close", told)


@pytest.mark.parametrize("meanwhile", ("g", "r"))
def test_while_it_compares_it_does_not_look(tree, meanwhile):
    """Nor counts what it does not know yet."""
    fill(tree)
    take_out(tree, tree.root + "/a/one")
    tree.ask("K")
    if meanwhile == "g":
        tree.ask("g", struct.pack("=Q", 0))
        assert tree.ask("K") == [[0, False]]
    else:
        tree.told = True
        os.unlink(tree.root + "/a/one")
        assert tree.ask("K") == [[0, True]]
