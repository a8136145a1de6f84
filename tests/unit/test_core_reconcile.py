# SPDX-License-Identifier: GPL-2.0-only
"""Reconciling, against the tree itself: acts of which some are told and some are lost."""
import os
import random
import stat
import struct
import time
import types

import pytest

from drilled_tree import NEW, REPLACED, Tree, fill, walk
from fim.content import entries


def test_nothing_happened(tree):
    since = fill(tree)
    time.sleep(0.03)
    records = tree.reconcile(since + 10**9)
    assert [record["kind"] for record in records] == ["gap", "gap_closed"]
    assert records[1]["checked"] == 0 and records[1]["gap"] == records[0]["seq"]


def test_what_is_told_is_not_found(tree):
    since = fill(tree)
    tree.create(tree.root + "/new")
    tree.write(tree.root + "/a/one")
    tree.chmod(tree.root + "/a/two", 0o600)
    tree.rename(tree.root + "/b", tree.root + "/d")
    tree.unlink(tree.root + "/d/c/one")
    assert tree.found(since) == []
    assert tree.known() == walk(tree.root)


def test_what_is_lost_is_found(tree):
    since = fill(tree)
    tree.told = False
    tree.create(tree.root + "/new")
    tree.write(tree.root + "/a/one")
    tree.chmod(tree.root + "/a/two", 0o600)
    tree.unlink(tree.root + "/b/c/one")
    tree.mkdir(tree.root + "/m")
    tree.create(tree.root + "/m/in-it")
    assert tree.found(since) == [
        ("", "changed"), ("/a/one", "changed"), ("/a/two", "changed"), ("/b/c", "changed"),
        ("/b/c/one", "missing"), ("/m", "new"), ("/m/in-it", "new"), ("/new", "new")]
    assert tree.known() == walk(tree.root)


def test_lost_moves_of_directories(tree):
    since = fill(tree)
    tree.told = False
    os.mkdir(tree.outside("coming"))
    open(tree.outside("coming/file"), "x").close()
    tree.rename(tree.root + "/b", tree.root + "/d")
    tree.rename(tree.root + "/a", tree.outside("a"))
    tree.rename(tree.outside("coming"), tree.root + "/coming")
    found = [row for row in tree.found(since) if row[1] != "changed"]
    assert found == [("/a", "missing"), ("/a/one", "missing"), ("/a/three", "missing"),
                     ("/a/two", "missing"), ("/b", "missing"), ("/coming", "new"),
                     ("/coming/file", "new"), ("/d", "new")]
    assert tree.known() == walk(tree.root)
    assert tree.ask("k", tree.root + "/coming/file") == [True]
    assert tree.ask("k", tree.outside("a/one")) == [False]


def test_a_change_is_not_hidden_by_a_later_record(tree):
    since = fill(tree)
    tree.told = False
    tree.chmod(tree.root + "/a/one", 0o4755)
    tree.told = True
    tree.write(tree.root + "/a/one")
    tree.ask("p")
    records = tree.reconcile(since)
    changed = [record for record in records if record["kind"] == "reconcile"]
    assert [record["path"] for record in changed] == [tree.root + "/a/one"]
    assert changed[0]["changed"]["mode"] == {"before": "0644", "after": "4755"}
    assert changed[0]["gap"] == records[0]["seq"]


def test_a_change_told_late_is_beside_what_the_file_is_now(tree):
    """The difference is of then; who follows the stream has what records have told since."""
    since = fill(tree)
    tree.told = False
    tree.chmod(tree.root + "/a/one", 0o4755)
    tree.told = True
    tree.write(tree.root + "/a/one")
    tree.chmod(tree.root + "/a/one", 0o600)
    tree.ask("p")
    changed = [record for record in tree.reconcile(since) if record["kind"] == "reconcile"]
    assert [record["changed"]["mode"]["after"] for record in changed] == ["4755"]
    assert changed[0]["file"]["mode"] == "0600"
    assert changed[0]["file"]["size"] == os.path.getsize(tree.root + "/a/one")


def test_a_name_that_was_lost_and_was_made_again(tree):
    """Is not missing any more when its loss is told."""
    since = fill(tree)
    inode = os.stat(tree.root + "/a/one").st_ino
    tree.told = False
    tree.rename(tree.root + "/a/one", tree.outside("one"))
    tree.told = True
    tree.create(tree.root + "/a/one")
    tree.told = False
    tree.rename(tree.outside("one"), tree.root + "/a/other")
    tree.told = True
    tree.chmod(tree.root + "/a/other", 0o600)
    tree.ask("p")
    found = tree.found(since)
    assert ("/a/one", "missing") not in found and ("/a/other", "new") in found
    assert os.stat(tree.root + "/a/other").st_ino == inode
    assert tree.known() == walk(tree.root)


@pytest.mark.parametrize("scan", (False, True))
def test_a_number_that_was_given_again(tree, scan):
    """To a directory that was made, though the one that had it was not told to be gone; also if
    something else was scanned before the record came."""
    since, old, new = fill(tree), tree.root + "/a", tree.root + "/made"
    tree.told = False
    for name in os.listdir(old):
        tree.unlink(os.path.join(old, name))
    tree.rename(old, new)  # the number stays
    os.chmod(new, 0o755)
    tree.told = True
    tree.tell("mkdir", os.lstat(new), new, flags=NEW)
    if scan:
        os.mkdir(tree.outside("other"))
        tree.ask("w", tree.outside("other"))
    records = tree.ask("p") + tree.reconcile(since)
    missing = {record["path"][len(tree.root):] for record in records
               if record["kind"] == "reconcile" and record["state"] == "missing"}
    assert missing == {"/a", "/a/one", "/a/two", "/a/three"}
    assert {path for path in tree.known() if path.startswith(tree.root)} == set(walk(tree.root))


def test_another_file_of_the_same_name(tree):
    since = fill(tree)
    tree.told = False
    tree.create(tree.root + "/a/other")
    os.unlink(tree.root + "/a/one")
    tree.rename(tree.root + "/a/other", tree.root + "/a/one")
    assert [row for row in tree.found(since) if row[0] == "/a/one"] == [("/a/one", "changed")]
    assert tree.known() == walk(tree.root)


def test_several_gaps_are_closed_by_one_sweep(tree):
    since = fill(tree)
    tree.told = False
    tree.create(tree.root + "/new")
    for _ in range(3):
        tree.ask("g", struct.pack("=Q", since))
    closed = [record for record in tree.ask("p") if record["kind"] == "gap_closed"]
    assert len(closed) == 3 and len({record["gap"] for record in closed}) == 3
    assert {record["sweep"] for record in closed} == {closed[0]["gap"]}


def test_what_changed_while_nobody_watched(tree):
    fill(tree)
    state = tree.driver.ask(b"o")
    tree.told = False
    tree.chmod(tree.root + "/a/two", 0o600)
    tree.write(tree.root + "/a/one")
    tree.rename(tree.root + "/b", tree.root + "/d")
    tree.create(tree.root + "/a/other")
    tree.rename(tree.root + "/a/other", tree.root + "/a/three")
    tree.mkdir(tree.root + "/m")
    tree.create(tree.root + "/m/in-it")
    tree.unlink(tree.root + "/d/c/one")
    later = Tree(tree.root)
    later.watch()
    later.driver.ask(b"e" + state)
    records = later.ask("c")
    later.driver.close()
    found = {(record["path"][len(tree.root):], record["state"]) for record in records
             if record["kind"] == "reconcile"}
    assert found == {
        ("", "changed"), ("/a", "changed"), ("/a/one", "changed"), ("/a/two", "changed"),
        ("/a/three", "changed"), ("/b", "missing"), ("/d", "new"), ("/d", "changed"),
        ("/d/c", "changed"), ("/b/c/one", "missing"), ("/d/c/one", "missing"), ("/m", "new"),
        ("/m/in-it", "new")}
    assert records[-1]["kind"] == "gap_closed" and records[-1]["gap"] == 1


def test_a_state_that_is_cut_is_refused(tree):
    fill(tree)
    state = tree.driver.ask(b"o")
    with pytest.raises(AssertionError):
        tree.driver.ask(b"e" + state[:-1])


def test_whose_content_may_be_another(tree):
    fill(tree)
    assert tree.driver.ask(b"n") == b""
    one, two = tree.root + "/a/one", tree.root + "/a/two"
    tree.chmod(one, 0o600)
    tree.write(one)
    tree.link(one, tree.root + "/a/link")
    tree.rename(tree.root + "/b/one", tree.root + "/a/other")
    replaced = os.lstat(two)
    os.rename(one, two)
    tree.tell("rename", os.lstat(two), one, two, flags=REPLACED, other=replaced)
    told = tree.ask("p")
    noted = tree.driver.ask(b"n")
    inodes = [[int.from_bytes(inode[:8], "little") for inode in inodes]
              for _, *inodes, _ in entries(noted)]
    assert inodes == [[os.lstat(two).st_ino] * 2, [os.lstat(two).st_ino, 0],
                      [os.lstat(two).st_ino, replaced.st_ino]]
    seqs = {record["seq"]: record["op"] for record in told}
    found = [(seqs[seq], path.decode()) for seq, _, _, path in entries(noted)]
    assert found == [("close", one), ("link", tree.root + "/a/link"),
                     ("rename", two)]
    assert tree.driver.ask(b"n") == b""


@pytest.mark.parametrize("pause", (0, 0.012))
def test_renamed_when_it_was_to_be_read(tree, pause):
    """By an act whose record is on its way, or (after a pause) is applied before what was seen by
    the old name is settled: it is read by its new name, though the gap is closed."""
    since, made = fill(tree), tree.root + "/made"
    tree.told = False
    for path in (made, made + "/d"):
        tree.mkdir(path)
    tree.create(made + "/d/in-it")
    tree.ask("g", struct.pack("=Q", since))
    while made not in [record.get("path") for record in tree.ask("q")]:
        time.sleep(0.002)
    time.sleep(0.012)  # what it has seen in there is settled with the next slice
    tree.told = True
    tree.rename(made + "/d", made + "/e")
    time.sleep(pause)
    tree.ask("q")
    time.sleep(0.012)
    tree.ask("p")
    assert tree.known() == walk(tree.root)


@pytest.mark.parametrize("slices", (1, 2, 3))
def test_a_name_that_was_seen_and_goes(tree, slices):
    """It is seen by a name of which nobody told, and told to have gone from there: it is not new."""
    since, new = fill(tree), tree.root + "/a/new"
    tree.told = False
    tree.rename(tree.root + "/b/one", new)
    tree.told = True
    records = tree.ask("g", struct.pack("=Q", since))
    for _ in range(slices):
        time.sleep(0.012)
        records += tree.ask("q")
    tree.rename(new, tree.root + "/b/newer")
    records += tree.ask("p")
    assert tree.known() == walk(tree.root)
    told = [record["kind"] for record in records if new in (record.get("path"), record.get("old_path"))]
    assert told and "reconcile" not in told[told.index("event"):]


@pytest.mark.parametrize("slices", (0, 1, 2, 3))
def test_a_number_that_was_given_to_a_directory(tree, slices):
    """Of a file that was not told to be gone: what is in it is not known, though the number is."""
    since, new = fill(tree), tree.root + "/a/new"
    tree.told = False
    tree.mkdir(new)
    tree.create(new + "/in-it")
    tree.told = True
    st = os.lstat(new)
    file = types.SimpleNamespace(**{name: getattr(st, name) for name in dir(st) if name[:3] == "st_"})
    file.st_mode = stat.S_IFREG | 0o644
    tree.tell("create", file, tree.root + "/b/gone", flags=NEW)
    records = tree.ask("p") + tree.ask("g", struct.pack("=Q", since))
    for _ in range(slices):
        time.sleep(0.012)
        records += tree.ask("q")
    tree.rename(new, tree.root + "/b/newer")
    records += tree.ask("p")
    assert tree.known() == walk(tree.root)
    told = {record["path"] for record in records if record["kind"] in ("found", "reconcile")}
    assert tree.root + "/b/newer/in-it" in told or new + "/in-it" in told


def test_a_name_that_only_a_change_told(tree):
    """Who follows the stream has it from then on: that it is gone is told."""
    since, name = fill(tree), tree.root + "/b/linked"
    tree.told = False
    tree.link(tree.root + "/a/one", name)
    tree.told = True
    tree.write(name)
    tree.ask("p")
    assert tree.known() == walk(tree.root)
    tree.told = False
    tree.unlink(name)
    assert ("/b/linked", "missing") in tree.found(since)
    assert tree.known() == walk(tree.root)


def test_what_was_known_is_found_in_what_is_moved_in(tree):
    """By another name; or its number, of another inode that was not told to be gone."""
    fill(tree)
    coming, new = tree.outside("coming"), tree.root + "/a/coming"
    os.mkdir(coming)
    os.link(tree.root + "/a/one", coming + "/linked")
    os.symlink("x", coming + "/another")
    os.rename(coming + "/another", tree.root + "/b/gone")
    tree.stamp(tree.root + "/b/gone")
    tree.tell("symlink", os.lstat(tree.root + "/b/gone"), tree.root + "/b/gone", flags=NEW)
    tree.ask("p")
    os.rename(tree.root + "/b/gone", coming + "/another")
    os.rename(coming, new)
    tree.tell("rename", os.lstat(new), coming, new, flags=NEW)
    records = tree.ask("p")
    assert {record["path"] for record in records if record["kind"] == "found"} == {
        new + "/linked", new + "/another"}


def test_what_is_in_a_directory_that_only_a_change_told(tree):
    """It has its key, so its record should come; it is found when it did not."""
    since, new = fill(tree), tree.root + "/a/new"
    tree.told = False
    tree.mkdir(new)
    tree.create(new + "/in-it")
    tree.told = True
    tree.chmod(new, 0o700)
    records = tree.ask("p")
    assert [record["path"] for record in records if record["kind"] == "found"] == [new + "/in-it"]
    assert tree.known() == walk(tree.root)
    assert ("/a/new", "new") in tree.found(since)


def test_what_is_made_in_what_is_moved_in_is_told_once(tree):
    """Its record was on its way when the directory was read."""
    fill(tree)
    coming, new = tree.outside("coming"), tree.root + "/a/coming"
    os.mkdir(coming)
    os.rename(coming, new)
    tree.tell("rename", os.lstat(new), coming, new, flags=NEW)
    tree.create(new + "/made")
    records = tree.ask("p")
    assert [record["kind"] for record in records if record["path"] == new + "/made"] == ["event"]
    assert tree.known() == walk(tree.root)


class Acts:
    """Acts chosen by chance on what is there."""

    def __init__(self, tree, seed):
        self.tree, self.chance, self.made = tree, random.Random(seed), 0

    def paths(self, kind):
        return sorted(path for path in walk(self.tree.root) if kind(path))

    def directory(self):
        return self.chance.choice([self.tree.root] + self.paths(os.path.isdir))

    def new(self):
        self.made += 1
        return os.path.join(self.directory(), "n%d" % self.made)

    def act(self):
        files, directories = self.paths(os.path.isfile), self.paths(os.path.isdir)
        acts = [("create", self.new()), ("mkdir", self.new())]
        if files:
            some = self.chance.choice(files)
            acts += [("write", some), ("chmod", some, self.chance.choice((0o600, 0o640, 0o755))),
                     ("link", some, self.new()), ("unlink", some), ("rename", some, self.new())]
        if directories:
            some, new = self.chance.choice(directories), self.new()
            if not new.startswith(some + "/"):
                acts += [("rename", some, new), ("rmtree", some)]
        verb, *arguments = self.chance.choice(acts)
        getattr(self.tree, verb)(*arguments)


def is_told(path, named):
    """It, or a directory that it went with."""
    return path in named or (len(path) > 1 and is_told(os.path.dirname(path), named))


@pytest.mark.parametrize("seed", range(30))
def test_after_any_acts_the_tree_is_known(tree, seed):
    """Told or lost by chance, before and while the sweep runs; now and then it gets on."""
    since, acts, pauses = fill(tree), Acts(tree, seed), random.Random(seed)
    before = walk(tree.root)
    records = []
    for number in range(60):
        tree.told = acts.chance.random() < (0.5 if number < 40 else 1)
        if number == 40:
            records += tree.ask("g", struct.pack("=Q", since))
        acts.act()
        time.sleep(pauses.uniform(0, 0.03) if pauses.random() < seed % 3 * 0.05 else 0)
        if number > 40:
            records += tree.ask("q")
    records += tree.ask("p") + tree.reconcile(since)
    assert tree.known() == walk(tree.root)
    assert sum(record["kind"] == "gap_closed" for record in records) == 2
    named = {record.get(key) for record in records for key in ("path", "old_path", "target_path")}
    assert [path for path in set(before) ^ set(walk(tree.root)) if not is_told(path, named)] == []
