# SPDX-License-Identifier: GPL-2.0-only
"""CPUs come and go: what is done on one that has come back is told."""
import contextlib
import os

import pytest

from cpus import switch
from listener import listening
from workload import make

TRIES = 10


@contextlib.contextmanager
def on_cpu(number):
    """This process is, until it is where it was."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.fixture(autouse=True)
def heard_of(watcher, base):
    """The monitor of the session has lost the CPU's ring, too: it hears so here, not in another
    test."""
    yield
    directory = os.path.join(base[min(set(base) - {"overlay"})], "watched")
    for number in range(TRIES):
        path = os.path.join(directory, "heard-%d" % number)
        with on_cpu(1):
            make(path, "")
        with on_cpu(0):  # its mark may not be lost
            records = watcher.settle()
        if any(record["kind"] == "event" and record["path"] == path for record in records):
            return
    raise AssertionError("nothing that is done on CPU 1 is told")


def made(listener, directory, names):
    """Make these files: (those told, records lost as gaps say)."""
    for name in names:
        make(os.path.join(directory, name), "")
    records = listener.settle()
    told = [os.path.basename(record["path"]) for record in records if record["kind"] == "event"]
    return told, sum(record["lost"] for record in records if record["kind"] == "gap")


def told_but_for_the_first(listener, top):
    """What is done on CPU 1 until something is told is counted, and nothing after it is lost."""
    all_names = ["n%d" % n for n in range(TRIES)]
    with on_cpu(1):
        told, lost, done = [], 0, 0
        while not told:
            assert done < TRIES
            told, more = made(listener, top, [all_names[done]])
            lost, done = lost + more, done + 1
        assert lost == done - 1
        names = ["m%d" % n for n in range(23)]
        assert made(listener, top, names) == (names, 0)


def test_away_and_back(attachment, tree):
    """Its ring was dead."""
    top = tree + "/watched"
    with listening(attachment, top) as listener:
        switch(1, "0")
        switch(1, "1")
        listener.settle()
        told_but_for_the_first(listener, top)


def test_away_at_the_start(attachment, tree):
    """It never had one: neither when the monitor started nor when the CPU came."""
    top = tree + "/watched"
    switch(1, "0")
    try:
        with listening(attachment, top) as listener:
            listener.settle()
            assert made(listener, top, ["before"]) == (["before"], 0)
            switch(1, "1")
            told_but_for_the_first(listener, top)
    finally:
        switch(1, "1")
