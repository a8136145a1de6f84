# SPDX-License-Identifier: GPL-2.0-only
"""Whose key goes, and when: what came back, or has the number of what went, stays watched."""
import os
import time

import pytest

import core_record
from drilled_tree import NEW, fill, file_of, ids, now

PATIENCE = 1.0  # ext/session_going.c
HOLD = 10 * 10**6  # SESSION_HOLD_NS


def is_in_hash(tree, path):
    return tree.ask("k", path)[0]


def push(tree, op, path, **more):
    """The record of an act on what is at this path, in a directory that may be anybody's."""
    tree.ask("r", core_record.record(
        op, file=file_of(os.lstat(path)), time=tree.when(), path=core_record.walk(path.encode()),
        dir=tuple(ids(os.lstat(os.path.dirname(path))).values()), **more))


def paths(records):
    return [(record["op"], record["path"]) for record in records if record["kind"] == "event"]


def test_what_went_out_goes(tree):
    fill(tree)
    out = tree.outside("out")
    tree.rename(tree.root + "/a/one", out)
    tree.ask("p")
    assert not is_in_hash(tree, out)


def test_what_came_back_stays(tree):
    """Both acts are done before the first is told: the kernel has found the key at the second."""
    fill(tree)
    path, out = tree.root + "/a/one", tree.outside("out")
    tree.rename(path, out)
    tree.rename(out, path)
    tree.ask("p")
    assert is_in_hash(tree, path)
    tree.write(path)
    assert paths(tree.ask("p")) == [("modify", path), ("close", path)]


def test_a_tree_that_came_back(tree):
    fill(tree)
    path, out = tree.root + "/b", tree.outside("out")
    tree.rename(path, out)
    tree.rename(out, path)
    tree.ask("p")
    assert all(is_in_hash(tree, path + name) for name in ("", "/one", "/c", "/c/one"))


def test_the_number_is_given_again(tree):
    """Out, removed there, and another file made with its number: one key for the two."""
    fill(tree)
    path, out, new = tree.root + "/a/one", tree.outside("out"), tree.root + "/a/new"
    tree.rename(path, out)
    os.rename(out, new)  # as if it were another inode with the number
    tree.stamp(new, tree.root + "/a")
    push(tree, "create", new, flags=NEW)
    tree.ask("p")
    assert is_in_hash(tree, new)
    tree.write(new)
    assert paths(tree.ask("p")) == [("modify", new), ("close", new)]


def forced_out(tree, path, out):
    """Moved out, and changed all the time until its key is deleted; a moment just before that, and
    how long ago the last change was."""
    tree.rename(path, out)
    end = time.monotonic() + 20 * PATIENCE
    while is_in_hash(tree, out):
        assert time.monotonic() < end
        changed = now()
        tree.ask("s", out)
        moment = now()
        tree.ask("q")
    return moment, now() - changed


def test_what_is_changed_all_the_time_goes_all_the_same(tree):
    fill(tree)
    forced_out(tree, tree.root + "/a/one", tree.outside("out"))


def test_named_while_keys_are_deleted(tree):
    """In the moment itself: the record says that the key was there, and it is not."""
    fill(tree)
    out, path = tree.outside("out"), tree.root + "/a/one"
    moment, took = forced_out(tree, path, out)
    while took > HOLD / 2:  # this machine is busy: the moment may lie too far back
        os.rename(out, path)
        tree.ask("w", tree.root)
        moment, took = forced_out(tree, path, out)
    os.rename(out, path)
    st = os.lstat(path)
    tree.ask("r", core_record.record(
        "rename", file=file_of(st), time=moment,
        dir=tuple(ids(os.lstat(os.path.dirname(out))).values()),
        dir2=tuple(ids(os.lstat(tree.root + "/a")).values()),
        path=core_record.walk(out.encode()), path2=core_record.walk(path.encode())))
    tree.ask("p")
    assert is_in_hash(tree, path)


# --- what was asked for ------------------------------------------------------------


def remove_root(tree):
    """As the hooks would tell it."""
    parent = os.path.dirname(tree.root)
    st = os.lstat(tree.root)
    os.rmdir(tree.root)
    tree.ask("r", core_record.record(
        "rmdir", file=file_of(st, 0), time=now(), dir=tuple(ids(os.lstat(parent)).values()),
        path=core_record.walk(tree.root.encode())))


def test_a_root_is_replaced(tree):
    """`mv app app.old; mv app.new app`: both are watched."""
    fill(tree)
    old, new = tree.outside("old"), tree.outside("new")
    os.mkdir(new)
    with open(new + "/file", "x"):
        pass
    tree.rename(tree.root, old)
    os.rename(new, tree.root)
    records = tree.ask("p")
    assert [(record["path"], record["reason"]) for record in records if record["kind"] == "found"] \
        == [(tree.root + "/file", "in what took the place of a watched directory")]
    tree.write(tree.root + "/file")
    tree.write(old + "/a/one")
    assert paths(tree.ask("p")) == [
        (op, path) for path in (tree.root + "/file", old + "/a/one") for op in ("modify", "close")]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_root_is_removed_and_made_again(tree, at_once):
    tree.watch()
    remove_root(tree)
    if not at_once:
        tree.ask("p")
    os.mkdir(tree.root)
    if not at_once:
        push(tree, "mkdir", tree.root, flags=NEW | core_record.NAMES_ONLY, matched=2)
    tree.ask("p")
    assert is_in_hash(tree, tree.root)
    tree.create(tree.root + "/file")
    assert paths(tree.ask("p")) == [("create", tree.root + "/file")]
    assert os.path.isdir(tree.root) and tree.known()[tree.root + "/file"]


def test_the_number_of_a_removed_root(tree):
    """Its path does not go with it."""
    other = tree.outside("other")
    os.mkdir(other)
    tree.watch()
    tree.ask("w", other)
    st = os.lstat(tree.root)
    remove_root(tree)
    new = other + "/new"
    os.mkdir(new)
    if os.lstat(new).st_ino != st.st_ino:
        pytest.skip("this file system does not give it at once")
    tree.stamp(new, other)
    push(tree, "mkdir", new, flags=NEW, matched=2)
    tree.create(new + "/file")
    assert paths(tree.ask("p"))[-1] == ("create", new + "/file")
