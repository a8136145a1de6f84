# SPDX-License-Identifier: GPL-2.0-only
"""The inode table against a model made of dicts, step by step, under the sanitizers."""
import json
import random
import struct

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core_build import Driver

ENOENT, EEXIST, EINVAL, ENOSPC, ENAMETOOLONG, ELOOP = -2, -17, -22, -28, -36, -40
DIR, ROOT = 1, 2
CALLERS = 0xFFF00
MAX_DEPTH = 2048


class Node:
    def __init__(self):
        self.flags = 0
        self.root = None
        self.names = []  # (dir, name), the newest first


class Model:
    """What inode_table.h says, in the plainest way."""

    def __init__(self, limit):
        self.limit, self.nodes, self.links, self.refused = limit, {}, {}, 0

    def enter(self, number):
        if number not in self.nodes:
            if len(self.nodes) >= self.limit:
                return False
            self.nodes[number] = Node()
        return True

    def refuse(self):
        self.refused += 1
        return ENOSPC

    def drop_link(self, link):
        self.nodes[self.links.pop(link)].names.remove(link)

    def children(self, directory):
        return [link for link in self.links if link[0] == directory]

    def add(self, number, flags):
        if not self.enter(number):
            return self.refuse()
        self.nodes[number].flags |= flags & CALLERS
        return 0

    def add_name(self, directory, name, child, is_dir):
        if not 1 <= len(name) <= 255 or b"/" in name or b"\0" in name or directory == child:
            return EINVAL
        if not self.enter(directory) or not self.enter(child):
            return self.refuse()
        node, link = self.nodes[child], (directory, name)
        if not is_dir and node.flags & DIR:
            for old in self.children(child):
                self.drop_link(old)
        node.flags = node.flags & ~DIR | (DIR if is_dir else 0)
        self.nodes[directory].flags |= DIR
        if self.links.get(link) == child:
            return 0
        if link in self.links:
            self.drop_link(link)
        for old in list(node.names) if is_dir else ():
            self.drop_link(old)
        if len(self.links) >= self.limit:
            return self.refuse()
        self.links[link] = child
        node.names.insert(0, link)
        return 0

    def remove_name(self, directory, name, child):
        if self.links.get((directory, name), -1) != child:
            return False
        self.drop_link((directory, name))
        return True

    def set_root(self, number, path):
        if not path.startswith(b"/"):
            return EINVAL
        if not self.enter(number):
            return self.refuse()
        self.nodes[number].root = path
        self.nodes[number].flags |= ROOT
        return 0

    def unset_root(self, number):
        if number in self.nodes:
            self.nodes[number].root = None
            self.nodes[number].flags &= ~ROOT

    def set_flags(self, number, flags):
        if number not in self.nodes:
            return ENOENT
        node = self.nodes[number]
        node.flags = node.flags & ~CALLERS | flags & CALLERS
        return 0

    def forget(self, number):
        if number not in self.nodes:
            return False
        for link in list(self.nodes[number].names) + self.children(number):
            self.drop_link(link)
        del self.nodes[number]
        return True

    def forget_tree(self, number):
        if number not in self.nodes:
            return set()
        for link in list(self.nodes[number].names):
            self.drop_link(link)
        doomed, dropped = [number], set()
        while doomed:
            directory = doomed.pop()
            for link in self.children(directory):
                child = self.links[link]
                self.drop_link(link)
                if not self.nodes[child].names and child not in dropped and child not in doomed \
                        and self.nodes[child].root is None:
                    doomed.append(child)
            dropped.add(directory)
        for number in dropped:
            del self.nodes[number]
        return dropped

    def rekey(self, number, new):
        if number not in self.nodes:
            return ENOENT
        if new in self.nodes:
            return EEXIST
        self.nodes[new] = self.nodes.pop(number)
        self.links = {(new if link[0] == number else link[0], link[1]):
                      new if child == number else child for link, child in self.links.items()}
        for node in self.nodes.values():
            node.names = [(new if at == number else at, name) for at, name in node.names]
        return 0

    def path(self, number, tail=b"", size=4352):
        if number not in self.nodes:
            return ENOENT
        parts = [tail] if tail else []
        for _ in range(MAX_DEPTH + 1):
            node = self.nodes[number]
            if node.root is not None:
                path = b"/".join([node.root if node.root != b"/" else b""] + parts[::-1]) or b"/"
                return path.decode("latin-1") if len(path) < size else ENAMETOOLONG
            if not node.names:
                return ENOENT
            number, name = node.names[0]
            parts.append(name)
        return ELOOP


class Table:
    """The real one, with the same verbs."""

    def __init__(self, limit):
        self.driver = Driver("inode_driver", str(limit))

    def ask(self, verb, a=0, name=b"", b=0, flag=0, size=4352):
        request = struct.pack("=cBHII", verb.encode(), flag, size, a, b) + name
        return json.loads(self.driver.ask(request))

    def add(self, number, flags):
        return self.ask("i", number, b=flags)

    def add_name(self, directory, name, child, is_dir):
        return self.ask("a", directory, name, child, is_dir)

    def remove_name(self, directory, name, child):
        return self.ask("r", directory, name, child)

    def set_root(self, number, path):
        return self.ask("s", number, path)

    def unset_root(self, number):
        return self.ask("u", number)

    def move_roots(self, old, new):
        return self.ask("m", name=old + b"\0" + new)

    def set_flags(self, number, flags):
        return self.ask("F", number, b=flags)

    def forget(self, number):
        return self.ask("f", number)

    def forget_tree(self, number):
        dropped = self.ask("t", number)
        assert len(set(dropped)) == len(dropped)
        return set(dropped)

    def rekey(self, number, new):
        return self.ask("k", number, b=new)

    def path(self, number, tail=b"", size=4352):
        return self.ask("p", number, tail, size=size)


def text(name):
    return name.decode("latin-1")


class Both:
    """The same act on both; the answers must be the same."""

    def __init__(self, limit):
        self.model, self.table = Model(limit), Table(limit)

    def __getattr__(self, verb):
        def act(*arguments):
            expected = getattr(self.model, verb)(*arguments)
            assert getattr(self.table, verb)(*arguments) == expected, (verb, arguments)
            return expected
        return act

    def compare_node(self, number):
        node = self.model.nodes.get(number, Node())
        count, *names = self.table.ask("n", number)
        assert count == len(names)
        assert names == [[directory, text(name)] for directory, name in node.names]
        children = sorted(map(tuple, self.table.ask("c", number)))
        assert children == sorted(
            (self.model.links[link], text(link[1])) for link in self.model.children(number))
        self.path(number)

    def compare(self):
        refused, texts, *nodes = self.table.ask("l")
        assert dict(map(tuple, nodes)) == {
            number: node.flags for number, node in self.model.nodes.items()}
        assert refused == self.model.refused
        assert texts == sum(len(name) + 1 for _, name in self.model.links)

    def close(self):
        self.table.driver.close()


# Names are ASCII here (json_text() is another test's), and few, so that they meet.
ids = st.sampled_from([1, 2, 3, 4, 5, 6, 1 << 28 | 1, 1 << 28 | 2, 1 << 26 | 1])
names = st.sampled_from([b"a", b"b", b"c", b"n" * 255, b"n" * 256, b"", b"x/y", b"z\0"])
paths = st.sampled_from([b"/", b"/etc", b"/srv/data", b"relative", b""])


class InodeTable(RuleBasedStateMachine):
    limit = 1000

    def __init__(self):
        super().__init__()
        self.both = Both(self.limit)

    @rule(directory=ids, name=names, child=ids, is_dir=st.booleans())
    def add_name(self, directory, name, child, is_dir):
        self.both.add_name(directory, name, child, is_dir)

    @rule(directory=ids, name=st.sampled_from([b"a", b"b"]), child=ids, is_dir=st.booleans())
    def add_plain_name(self, directory, name, child, is_dir):
        self.both.add_name(directory, name, child, is_dir)

    @precondition(lambda self: self.both.model.links)
    @rule(data=st.data(), is_same=st.booleans(), other=ids)
    def remove_known(self, data, is_same, other):
        directory, name = data.draw(st.sampled_from(sorted(self.both.model.links)))
        child = self.both.model.links[directory, name] if is_same else other
        self.both.remove_name(directory, name, child)

    @precondition(lambda self: self.both.model.links)
    @rule(data=st.data(), directory=ids, name=st.sampled_from([b"a", b"new"]))
    def rename(self, data, directory, name):
        old = data.draw(st.sampled_from(sorted(self.both.model.links)))
        child = self.both.model.links[old]
        is_dir = bool(self.both.model.nodes[child].flags & DIR)
        self.both.remove_name(*old, child)
        self.both.add_name(directory, name, child, is_dir)

    @rule(directory=ids, name=names, child=ids)
    def remove_name(self, directory, name, child):
        self.both.remove_name(directory, name, child)

    @rule(number=ids, flags=st.integers(0, 2**32 - 1))
    def add(self, number, flags):
        self.both.add(number, flags)

    @rule(number=ids, flags=st.integers(0, 2**32 - 1))
    def set_flags(self, number, flags):
        self.both.set_flags(number, flags)

    @rule(number=ids, path=paths)
    def set_root(self, number, path):
        self.both.set_root(number, path)

    @rule(number=ids)
    def unset_root(self, number):
        self.both.unset_root(number)

    @rule(number=ids)
    def forget(self, number):
        self.both.forget(number)

    @rule(number=ids)
    def forget_tree(self, number):
        self.both.forget_tree(number)

    @rule(number=ids, new=ids)
    def rekey(self, number, new):
        self.both.rekey(number, new)

    @rule(number=ids, tail=st.sampled_from([b"", b"leaf", b"b/leaf"]),
          size=st.integers(0, 20))
    def path(self, number, tail, size):
        self.both.path(number, tail, size)

    @rule(directory=ids, name=names)
    def find(self, directory, name):
        assert self.both.table.ask("d", directory, name) == \
            self.both.model.links.get((directory, name))

    @rule(number=ids)
    def compare_node(self, number):
        self.both.compare_node(number)

    @invariant()
    def same(self):
        self.both.compare()

    def teardown(self):
        self.both.close()


class SmallInodeTable(InodeTable):
    limit = 4


TestInodeTable = InodeTable.TestCase
TestInodeTable.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestSmallInodeTable = SmallInodeTable.TestCase
TestSmallInodeTable.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


def test_many_acts():
    """Growth and shrinking of everything: indexes, cells, the arena and its rebuilding."""
    chance, both = random.Random(23), Both(100000)
    both.set_root(0, b"/r")
    for phase in range(3):
        for n in range(1, 3000):
            directory = chance.randrange(n) // 50
            both.add_name(directory, b"%d-%d-%s" % (phase, n, b"x" * chance.randrange(120)), n,
                          n < 60)
        for n in chance.sample(range(1, 3000), 300):
            both.compare_node(n)
        for link in chance.sample(sorted(both.model.links), len(both.model.links) * 2 // 3):
            child = both.model.links.get(link)
            if child is not None and chance.randrange(8):
                both.remove_name(*link, child)
            elif child is not None:
                both.forget(child)
        both.compare()
        both.set_root(0, b"/r")
    both.forget_tree(0)
    both.compare()
    both.close()


def test_rename_of_a_directory_moves_what_is_below():
    table = Table(100)
    table.set_root(1, b"/srv")
    table.add_name(1, b"old", 2, True)
    table.add_name(2, b"d", 3, True)
    table.add_name(3, b"f", 4, False)
    assert table.path(4) == "/srv/old/d/f"
    assert table.remove_name(1, b"old", 2) and table.path(4) == ENOENT
    table.add_name(1, b"new", 2, True)
    assert table.path(4) == "/srv/new/d/f"
    assert table.path(3, b"gone") == "/srv/new/d/gone"
    table.set_root(1, b"/moved")
    assert table.path(4) == "/moved/new/d/f"
    table.driver.close()


def test_a_directory_above_roots_is_renamed():
    table = Table(100)
    for number, path in enumerate((b"/a", b"/a/b", b"/ab", b"/c/a"), 1):
        table.set_root(number, path)
    assert table.move_roots(b"/a", b"/longer/than/before") == 2
    assert [table.path(number) for number in range(1, 5)] == [
        "/longer/than/before", "/longer/than/before/b", "/ab", "/c/a"]
    table.driver.close()


def test_forget_tree_keeps_what_has_a_name_elsewhere():
    table = Table(100)
    table.set_root(1, b"/")
    table.add_name(1, b"d", 2, True)
    table.add_name(2, b"s", 3, True)
    table.add_name(3, b"f", 4, False)
    table.add_name(1, b"outside", 5, False)
    table.add_name(3, b"inside", 5, False)
    table.add_name(2, b"again", 4, False)
    table.add_name(2, b"mounted", 6, True)
    table.set_root(6, b"/d/mounted")
    table.add_name(6, b"kept", 7, False)
    assert table.forget_tree(2) == {2, 3, 4}
    assert table.path(5) == "/outside" and table.path(7) == "/d/mounted/kept"
    table.driver.close()


def test_deep_and_circular():
    table = Table(10000)
    table.set_root(1, b"/")
    for n in range(1, 5000):
        table.add_name(n, b"d", n + 1, True)
    assert table.path(2001) == "/d" * 2000
    assert table.path(2049, size=8192) == "/d" * 2048
    assert table.path(2049) == "/d" * 2048
    assert table.path(2050, size=8192) == ELOOP
    table.unset_root(1)
    table.add_name(5000, b"d", 1, True)
    assert table.path(4) == ELOOP
    assert len(table.forget_tree(77)) == 5000
    table.driver.close()


def test_a_name_from_the_table_itself():
    table = Table(100000)
    for n in range(1, 400):
        table.add_name(0, b"%03d" % n * 60, n, False)
        for directory in range(1000, 1010):
            assert table.ask("g", directory, b=n) == 0
    assert table.ask("n", 399)[0] == 11
    table.driver.close()
