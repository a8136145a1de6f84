# SPDX-License-Identifier: GPL-2.0-only
"""Records of all CPUs are told in the order of their time, if they come within 10 ms; what
comes later is told, too, and says so."""
import os
import random

import pytest

import core_record
from drilled_tree import fill, file_of, ids, now

BOUND = 10 * 10**6


def push(tree, at, cpu):
    """A record of this time, as it comes from a ring."""
    path = tree.root + "/a/one"
    tree.ask("r", core_record.record(
        "chmod", file=file_of(os.lstat(path)), time=at, actor=dict(pid=cpu + 1),
        dir=tuple(ids(os.lstat(os.path.dirname(path))).values()),
        path=core_record.walk(path.encode())))


def told(records):
    return [(record["mono_ns"], record["process"]["pid"] - 1, record["late"])
            for record in records if record["kind"] == "event"]


@pytest.mark.parametrize("seed", range(5))
def test_within_the_bound(tree, seed):
    """In any order from eight CPUs, each of which is in order."""
    fill(tree)
    chance, begun = random.Random(seed), now() - 10**9
    rings = [sorted(begun + chance.randrange(BOUND) for _ in range(50)) for _ in range(8)]
    pushed = []
    while any(rings):
        cpu = chance.choice([cpu for cpu in range(8) if rings[cpu]])
        pushed.append((rings[cpu].pop(0), cpu))
        push(tree, *pushed[-1])
    found = told(tree.ask("p"))
    assert sorted((at, cpu) for at, cpu, _ in found) == sorted(pushed)
    assert [at for at, _, _ in found] == sorted(at for at, _ in pushed)
    assert not any(late for _, _, late in found)


def test_later_than_that(tree):
    """It has the number of when it was told, the time of when it was, and a mark."""
    fill(tree)
    begun = now() - 10**9
    push(tree, begun + 5, 0)
    first = told(tree.ask("p"))
    push(tree, begun + 3, 1)
    push(tree, begun + 7, 1)
    second = told(tree.ask("p"))
    assert (first, second) == ([(begun + 5, 0, False)],
                               [(begun + 3, 1, True), (begun + 7, 1, False)])


def test_equal_times_in_the_order_they_came(tree):
    fill(tree)
    at = now() - 10**9
    for cpu in (3, 1, 2):
        push(tree, at, cpu)
    assert [cpu for _, cpu, _ in told(tree.ask("p"))] == [3, 1, 2]


def test_not_before_the_bound_is_over(tree):
    """An older one of another CPU can come until then."""
    fill(tree)
    at = now()
    push(tree, at, 0)
    found = []
    while not found:
        found = told(tree.ask("q"))
    assert now() - at >= BOUND and found == [(at, 0, False)]
