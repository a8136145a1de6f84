# SPDX-License-Identifier: GPL-2.0-only
"""Names of watched files outside of what is watched: --find-links."""
import contextlib
import os
import subprocess

from conftest import PLACES
from listener import listening
from workload import append, make

FOUND = "another name of a watched file"


def last(listener):
    """The last event told since."""
    return [record for record in listener.settle() if record["kind"] == "event"][-1]


def prepare(tree):
    """A file with two names in `watched`, two in `outside`; all four."""
    os.mkdir(tree + "/outside/deep")
    names = [tree + "/watched/file", tree + "/watched/name", tree + "/outside/one",
             tree + "/outside/deep/two"]
    make(names[0])
    for name in names[1:]:
        os.link(names[0], name)
    make(tree + "/watched/alone")
    make(tree + "/outside/other")
    return names


def stat_numbers_are_the_kernel_s(tree):
    return not tree.startswith((PLACES["btrfs"], PLACES["overlay"]))


def test_names_inside_are_known_anyway(attachment, each_tree):
    names = prepare(each_tree)
    with listening(attachment, each_tree + "/watched") as listener:
        assert listener.said("found") == set()
        append(names[0])
        record = last(listener)
        assert sorted(record["known_paths"]) == sorted(names[:2])
        assert (record["names_known"], record["file"]["nlink"]) == (2, 4)


def test_the_others_are_found(attachment, each_tree):
    names = prepare(each_tree)
    with listening(attachment, each_tree + "/watched", find_links=True) as listener:
        if not stat_numbers_are_the_kernel_s(each_tree):  # said, and counted
            assert listener.said("withheld")
            assert listener.monitor.counts()["links_missing"] == 2
            return
        assert listener.said("found") == {(name, FOUND) for name in names[2:]}
        append(names[3])
        record = last(listener)
        assert record["path"] == names[3]
        assert sorted(record["known_paths"]) == sorted(names)
        assert record["names_known"] == record["file"]["nlink"] == 4
        counts = listener.monitor.counts()
        assert (counts["links"], counts["links_missing"]) == (2, 0)


def test_their_directories_are_not_watched(attachment, tree):
    names = prepare(tree)
    with listening(attachment, tree + "/watched", find_links=True) as listener:
        listener.settle()
        make(tree + "/outside/new")
        append(tree + "/outside/other")
        os.rename(tree + "/outside/new", tree + "/outside/deep/new")
        assert listener.acts() == []
        os.unlink(names[2])
        record = last(listener)
        assert (record["op"], record["path"], record["names_known"]) == ("unlink", names[2], 3)
        os.rename(tree + "/outside/deep/new", names[3])
        record = last(listener)
        assert (record["op"], record["path"]) == ("rename", names[3])
        append(names[0])
        record = last(listener)
        assert sorted(record["known_paths"]) == sorted(names[:2])
        assert record["names_known"] == record["file"]["nlink"] == 2


def test_their_directories_moved_in(attachment, tree):
    """From then on they are watched as any other, by their new path."""
    names = prepare(tree)
    top = tree + "/watched/in"
    with listening(attachment, tree + "/watched", find_links=True) as listener:
        listener.settle()
        os.rename(tree + "/outside", top)
        listener.settle()
        append(top + "/deep/two")
        record = last(listener)
        assert record["path"] == top + "/deep/two"
        assert sorted(record["known_paths"]) == sorted(
            names[:2] + [top + "/one", top + "/deep/two"])
        make(top + "/deep/new", "")
        os.rename(top + "/deep", tree + "/watched/deeper")
        os.unlink(tree + "/watched/deeper/new")
        assert listener.acts() == [("create", top + "/deep/new"),
                                   ("rename", tree + "/watched/deeper"),
                                   ("unlink", tree + "/watched/deeper/new")]


def test_let_go_with_its_last_name_inside(attachment, tree):
    names = prepare(tree)
    with listening(attachment, tree + "/watched", find_links=True) as listener:
        listener.settle()
        os.unlink(names[0])
        os.unlink(names[1])
        append(names[2])
        assert listener.acts() == [("unlink", names[0]), ("unlink", names[1])]


@contextlib.contextmanager
def shown_twice(tree):
    """`outside` bound elsewhere, and an overlay over it."""
    places = [tree + "/" + name for name in ("bound", "merged", "upper", "work")]
    for place in places:
        os.mkdir(place)
    subprocess.run(["mount", "--bind", tree + "/outside", places[0]], check=True)
    subprocess.run(["mount", "-t", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (
        tree + "/outside", places[2], places[3]), "overlay", places[1]], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", places[0]], check=True)
        subprocess.run(["umount", places[1]], check=True)


def test_a_name_shown_twice_is_found_once(attachment, tree):
    names = prepare(tree)
    with shown_twice(tree):
        with listening(attachment, tree + "/watched", find_links=True) as listener:
            assert listener.said("found") == {(name, FOUND) for name in names[2:]}
            assert listener.monitor.counts()["links"] == 2


def test_a_mount_hides_what_it_covers(attachment, tree):
    """What cannot be reached is said to be missing."""
    names = prepare(tree)
    deep = os.path.dirname(names[3])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", deep], check=True)
    try:
        with listening(attachment, tree + "/watched", find_links=True) as listener:
            assert listener.said("found") == {(names[2], FOUND)}
            counts = listener.monitor.counts()
            assert (counts["links"], counts["links_missing"]) == (1, 1)
    finally:
        subprocess.run(["umount", deep], check=True)
