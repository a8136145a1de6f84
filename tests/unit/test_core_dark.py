# SPDX-License-Identifier: GPL-2.0-only
"""Hooks that were silent for a while: acts by chance, filtered as the kernel filters them.

What is done in the dark leaves neither record, stamp nor key. Afterwards acts are told where the
hash has a key of theirs, and only some of them are, until everything is compared.
"""
import os
import random
import time

import pytest

from drilled_tree import NEW, fill, walk
from test_core_reconcile import Acts

DARK = tuple(range(8, 50)) + tuple(range(100, 130))  # the numbers of acts that are done in it
ACTS = 160
DECLARED = 0.15  # chance that it is declared over, with each act after it


class Filtered:
    """The acts of a drilled tree, told as far as the kernel would."""

    def __init__(self, tree):
        self.tree, self.root, self.light = tree, tree.root, True

    def keyed(self, *paths):
        """Those that are in the hash."""
        return [path for path in paths if self.light and self.tree.ask("k", path) == [True]]

    def tell(self, op, path, keyed, *more, st=None, **members):
        if keyed:
            self.tree.stamp(*keyed)
            self.tree.tell(op, st or os.lstat(more[-1] if op == "rename" else path), path, *more,
                           **members)

    def inherit(self, path):
        """Flags of the record of what has come to a directory; it has a key now."""
        if not self.keyed(os.path.dirname(path)) or self.keyed(path):
            return 0
        self.tree.stamp(path)
        return NEW

    def create(self, path):
        with open(path, "x") as file:
            file.write("x")
        self.tell("create", path, self.keyed(os.path.dirname(path)), flags=self.inherit(path))

    def mkdir(self, path):
        os.mkdir(path)
        self.tell("mkdir", path, self.keyed(os.path.dirname(path)), flags=self.inherit(path))
        self.create(path + "/in-it")

    def write(self, path):
        with open(path, "a") as file:
            file.write("more")
        self.tell("modify", path, self.keyed(path))
        self.tell("close", path, self.keyed(path))

    def chmod(self, path, mode):
        os.chmod(path, mode)
        self.tell("chmod", path, self.keyed(path))

    def link(self, path, new):
        os.link(path, new)
        flags = self.inherit(new)
        self.tell("link", new, self.keyed(new, os.path.dirname(new)), path, flags=flags,
                  st=os.lstat(new))

    def remove(self, op, path, act, nlink):
        st, keyed = os.lstat(path), self.keyed(path, os.path.dirname(path))
        if keyed:
            self.tree.stamp(*keyed)
        act(path)
        if keyed:
            self.tree.tell(op, st, path, nlink=nlink(st))
        if self.light:
            self.tree.gone(st, nlink(st))

    def unlink(self, path):
        self.remove("unlink", path, os.unlink, lambda st: st.st_nlink - 1)

    def rmtree(self, path):
        for directory, _, files in os.walk(path, topdown=False):
            for name in files:
                self.unlink(os.path.join(directory, name))
            self.remove("rmdir", directory, os.rmdir, lambda st: 0)

    def rename(self, path, new):
        keyed = bool(self.keyed(path))
        os.rename(path, new)
        flags = self.inherit(new) if not keyed else 0
        self.tell("rename", path, self.keyed(new, os.path.dirname(path), os.path.dirname(new)), new,
                  flags=flags)


class Few(Acts):
    """On what lies in three directories that stay."""

    def places(self):
        return [self.tree.root + name for name in ("/a", "/b", "/b/c")]

    def paths(self, kind):
        there = [os.path.join(place, name) for place in self.places() for name in os.listdir(place)]
        return sorted(path for path in there if kind(path) and path not in self.places())

    def directory(self):
        return self.chance.choice(self.places())


@pytest.mark.parametrize("acts", (Acts, Few))
@pytest.mark.parametrize("seed", range(8))
def test_after_the_dark_the_tree_is_known(tree, acts, seed):
    fill(tree)
    some, pauses, owed = acts(Filtered(tree), seed), random.Random(seed), False
    for number in range(ACTS):
        some.tree.light = number not in DARK
        some.act()
        if pauses.random() < 0.1:
            time.sleep(pauses.uniform(0, 0.03))
        owed = owed or not some.tree.light
        if some.tree.light and owed and pauses.random() < DECLARED:
            tree.ask("W")
            owed = False
        if some.tree.light:
            tree.ask("q")
    if owed:
        tree.ask("W")
    tree.ask("p")
    assert tree.known() == walk(tree.root)
