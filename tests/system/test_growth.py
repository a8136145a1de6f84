# SPDX-License-Identifier: GPL-2.0-only
"""A hash of watched inodes that is too small: it grows and nothing is missed."""
import os

import pytest

from watcher import START_PATIENCE, Watcher
from workload import append, make

ENTRIES = 1000
FILES = 3000


@pytest.fixture(scope="module")
def tree(base, workloads):
    kind = "ext4" if "ext4" in base else next(iter(base))
    path = os.path.join(base[kind], "outside", "growth")
    os.mkdir(path)
    workloads.run("create", path, FILES)
    return path


@pytest.fixture(scope="module")
def watcher(tree, scratch):
    with Watcher(scratch / "growth", [tree], "--map-entries", str(ENTRIES)) as watcher:
        yield watcher.wait_ready()


def acts(records):
    return sorted((record["op"], record["path"]) for record in records if record["kind"] == "event")


def check_sample(watcher, tree, pattern, first):
    """50 of FILES written to and 10 new ones: each told exactly once."""
    watcher.settle()
    written = [os.path.join(tree, pattern % n) for n in range(0, FILES, FILES // 50)]
    for path in written:
        append(path)
    new = [make(os.path.join(tree, "new%02d" % n), "") for n in range(first, first + 10)]
    wants = [(op, path) for path in written for op in ("modify", "close")]
    assert acts(watcher.events()) == sorted(wants + [("create", path) for path in new])


def test_too_small_for_what_is_there(watcher, tree):
    check_sample(watcher, tree, "f%02d", 0)


def test_too_small_for_what_comes(watcher, tree, workloads):
    """What could not be followed meanwhile is said; afterwards all is watched, by the path
    that it has by then, and what was written to before has its close."""
    os.rename(tree, tree + "-renamed")
    tree += "-renamed"
    below = os.path.join(tree, "below")
    os.mkdir(below)
    written = open(make(os.path.join(tree, "written"), ""), "w")
    written.write("x")
    written.flush()
    watcher.settle()
    workloads.run("create", below, FILES)
    records = watcher.settle()
    gaps = [record for record in records if record["kind"] == "gap"]
    assert len([op for op, _ in acts(records) if op == "create"]) == FILES, gaps
    wait_for_growth(watcher, gaps)
    watcher.settle()
    written.close()
    assert acts(watcher.events()) == [("close", written.name)]
    check_sample(watcher, below, "f%02d", 10)


def wait_for_growth(watcher, gaps):
    """Records go on while the larger hash is made; the gap says when it took over."""
    if not gaps:
        gaps.append(next(record for record in watcher.follow(START_PATIENCE)
                         if record["kind"] == "gap"))
    assert "hash" in gaps[0]["reason"]
