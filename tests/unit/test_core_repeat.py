# SPDX-License-Identifier: GPL-2.0-only
"""Repeats are joined, and what a rate holds back is counted: nothing is told twice or not at all."""
import json
import os
import random
import time

import jsonschema
import pytest

import core_record
from core_build import ROOT
from fim.content import entries
from drilled_tree import fill, file_of, ids, now

WINDOW = 0.4
HELD = 410 * 10**6  # 10 ms for records of other CPUs
HOST = {"name": "h", "machine_id": None, "boot_id": None}


@pytest.fixture(scope="module")
def schema():
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        return jsonschema.Draft7Validator(json.load(file))


def limit(tree, join=True, rate=0):
    tree.driver.ask(b"j" + bytes([join, rate, 0]))


def act(tree, op, path, pid=1, at=None, count=0):
    """The record of one; when."""
    at = at or now()
    tree.ask("r", core_record.record(
        op, file=file_of(os.lstat(path)), time=at, count=count, actor=dict(pid=pid, comm=b"writer"),
        dir=tuple(ids(os.lstat(os.path.dirname(path))).values()),
        path=core_record.walk(path.encode())))
    return at


def all_of(tree):
    """What is told by the time that nothing waits."""
    told = tree.ask("p")
    time.sleep(WINDOW + 0.05)
    return told + tree.ask("q")


def whole(told):
    """The numbers have no holes."""
    assert [record["seq"] for record in told] == list(
        range(told[0]["seq"], told[0]["seq"] + len(told)))


def test_many_writes_of_one(tree, schema):
    fill(tree)
    limit(tree)
    tree.driver.ask(b"n")
    path, begun = tree.root + "/a/one", now()
    for number in range(100):
        act(tree, "modify", path, at=begun + 2 * number)
        act(tree, "close", path, at=begun + 2 * number + 1, count=3)
    told = all_of(tree)
    whole(told)
    for record in told:
        schema.validate(dict(record, stream="ab" * 16, host=HOST))
    assert [(record["op"], record.get("repeats")) for record in told] == [
        ("modify", None), ("close", None), ("modify", 99), ("close", 99)]
    assert (told[1]["count"], told[3]["count"]) == (3, 297)
    assert told[3]["first"] < told[3]["last"] == told[3]["time"]
    assert told[3]["mono_ns"] == begun + 199
    noted = list(entries(tree.driver.ask(b"n")))
    inode = noted[0][1]
    assert int.from_bytes(inode[:8], "little") == os.lstat(path).st_ino
    assert noted == [(told[at]["seq"], inode, inode, path.encode()) for at in (1, 3)]


def test_not_joined_without_being_asked(tree):
    fill(tree)
    for _ in range(5):
        act(tree, "modify", tree.root + "/a/one")
    assert len(all_of(tree)) == 5


def test_who_and_what_are_kept_apart(tree):
    """Another process, another file, another act."""
    fill(tree)
    limit(tree)
    one, two = tree.root + "/a/one", tree.root + "/a/two"
    for _ in range(3):
        for path in (one, two):
            for pid in (1, 2):
                act(tree, "modify", path, pid)
        act(tree, "chmod", one)
    told = all_of(tree)
    whole(told)
    assert sum(record["op"] == "chmod" for record in told) == 3
    shares = {}
    for record in told:
        if record["op"] == "modify":
            key = record["path"], record["process"]["pid"]
            shares[key] = shares.get(key, 0) + record.get("repeats", 1)
    assert shares == {(path, pid): 3 for path in (one, two) for pid in (1, 2)}


def test_what_waits_comes_before_the_next_of_its_inode(tree):
    fill(tree)
    limit(tree)
    path = tree.root + "/a/one"
    for _ in range(3):
        act(tree, "modify", path)
    tree.unlink(path)
    told = tree.ask("p")
    assert [(record["op"], record.get("repeats")) for record in told] == [
        ("modify", None), ("modify", 2), ("unlink", None)]
    assert [record["path"] for record in told] == [path] * 3


def test_within_half_a_second(tree):
    """One that goes on and on is told again and again: what waited 400 ms, by the next turn."""
    fill(tree)
    limit(tree)
    path, told, done = tree.root + "/a/one", [], 0
    begun = before = now()
    while now() - begun < 1.5 * 10**9:
        act(tree, "modify", path)
        done += 1
        turn = now()
        for record in tree.ask("q"):
            told.append(record)
            assert "first" not in record or record["mono_ns"] > before - HELD
        before = turn
    spent = (now() - begun) / 10**9
    told += all_of(tree)
    assert sum(record.get("repeats", 1) for record in told) == done
    assert 4 <= len(told) <= 2 * (spent / WINDOW + 1)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_missing(tree, seed):
    """Any acts of many on many: their sum is told."""
    fill(tree)
    limit(tree)
    chance = random.Random(seed)
    paths = [os.path.join(directory, name) for directory, _, names in os.walk(tree.root)
             for name in names]
    done, told = {}, []
    for _ in range(3000):
        key = chance.choice(("modify", "close", "chmod")), chance.choice(paths), chance.randrange(1, 40)
        act(tree, *key, count=1)
        done[key] = done.get(key, 0) + 1
        if chance.random() < 0.01:
            told += tree.ask("p")
    told += all_of(tree)
    whole(told)
    found = {}
    for record in told:
        key = record["op"], record["path"], record["process"]["pid"]
        found[key] = found.get(key, 0) + record.get("repeats", 1)
        if record["op"] == "close":
            assert record["count"] == record.get("repeats", 1)
    assert found == done


def test_a_rate(tree):
    """Of each process; what is held back is counted, and what it changed is known."""
    fill(tree)
    limit(tree, join=False, rate=10)
    begun = now()
    for number in range(50):
        act(tree, "chmod", tree.root + "/a/one", pid=1, at=begun + number)
    for number in range(5):
        act(tree, "chmod", tree.root + "/a/two", pid=2, at=begun + number)
    told = tree.ask("p")
    time.sleep(1.05)
    act(tree, "chmod", tree.root + "/a/one", pid=1)
    told += tree.ask("p")
    whole(told)
    events = [record["process"]["pid"] for record in told if record["kind"] == "event"]
    assert (events.count(1), events.count(2)) == (11, 5)
    withheld, = [record for record in told if record["kind"] == "withheld"]
    assert withheld["count"] == 40 and withheld["since"] < withheld["until"]
    assert withheld["reason"] == "more than 10 records a second of writer[1]"
