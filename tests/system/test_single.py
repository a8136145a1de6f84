# SPDX-License-Identifier: GPL-2.0-only
"""A watched file, and a watched name that is not there yet (conftest.py: watcher)."""
import os

import pytest

from workload import append, make


@pytest.fixture
def lone(watcher, scratch):
    watcher.settle()
    return str(scratch / "lone")


def acts(watcher):
    return [(event["op"], event["path"]) for event in watcher.events()]


def written(path):
    return [("modify", path), ("close", path)]


def test_the_file_and_no_other(watcher, lone):
    path, other = lone + "/file", make(lone + "/other")
    append(path)
    append(other)
    os.rename(other, lone + "/another")
    os.mkdir(lone + "/directory")
    make(lone + "/directory/file")
    os.unlink(lone + "/another")
    assert acts(watcher) == written(path)


def test_the_file_replaced(watcher, lone):
    """As editors do it: the name is watched, not only the inode it had."""
    path, new = lone + "/over", make(lone + "/over.new")
    replaced = str(os.stat(path).st_ino)
    os.rename(new, path)
    renamed, = watcher.events()
    assert (renamed["op"], renamed["old_path"], renamed["path"]) == ("rename", new, path)
    assert renamed["replaced"]["ino"] == replaced
    append(path)
    modified, closed = watcher.events()
    assert [(event["op"], event["path"]) for event in (modified, closed)] == written(path)
    assert modified["file"]["ino"] == str(os.stat(path).st_ino)


def test_the_file_removed_and_made_again(watcher, lone):
    path = lone + "/over"
    os.unlink(path)
    make(path, "")
    assert acts(watcher) == [("unlink", path), ("create", path)]
    append(path)
    assert acts(watcher) == written(path)


def test_written_at_once(watcher, lone):
    """`echo x > FILE`: nothing lies between the name and the write."""
    path = lone + "/over"
    os.unlink(path)
    make(path)
    assert acts(watcher) == [("unlink", path), ("create", path)] + written(path)


def test_a_name_made_and_written(watcher, lone):
    path = lone + "/soon"
    make(path)
    assert acts(watcher) == [("create", path)] + written(path)


def test_a_long_name_and_one_that_starts_alike(watcher, lone):
    path = lone + "/" + "long" * 40
    make(path + "er")
    append(path + "er")
    make(path)
    append(path + "er")
    assert acts(watcher) == [("create", path)] + written(path)


def test_a_name_that_comes_later(watcher, lone):
    """Here as a directory: what it holds is watched."""
    path = lone + "/later"
    os.mkdir(path)
    watcher.settle()
    make(path + "/file", "")
    append(path + "/file")
    assert acts(watcher) == [("create", path + "/file")] + written(path + "/file")


def test_a_name_in_a_tree_that_is_watched_as_well(watcher, scratch):
    """Whichever of the two was named first."""
    watcher.settle()
    path, other = (str(scratch / "both" / "below" / name) for name in ("file", "other"))
    for name in path, other:
        make(name, "")
        append(name)
    assert acts(watcher) == [("create", path)] + written(path) + [("create", other)] + written(other)
