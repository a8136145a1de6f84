# SPDX-License-Identifier: GPL-2.0-only
"""Killed at any moment, in init, check, accept and migration: the state file opens and is whole.
FIM_TEST_KILLS: how many kills of each (25)."""
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from core_build import ROOT
from trees import Tree

KILLS = int(os.environ.get("FIM_TEST_KILLS", "25"))


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path).approved_as_made()


def command_of(tree, arguments):
    return [sys.executable, "-m", "fim", arguments[0], "--state", tree.state] + list(arguments[1:])


def kill_after(tree, seconds, arguments):
    """Start a verb and kill it, if `seconds` are given; whether it was still going."""
    process = subprocess.Popen(command_of(tree, arguments), cwd=ROOT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    if seconds is not None:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


FEW = 5
SLOWLY = ("--max-mb-per-s", "0.1")  # 10 kB: a tenth of a second more within the transaction


def commands(tree, names):
    """{what is killed: (its command line, whether there is a state before, what may be after)}"""
    many = FEW + 1 + names
    return {
        "first init": (("init", tree.top) + SLOWLY, False, {0, many}),
        "init": (("init", "--replace", tree.top) + SLOWLY, True, {FEW, many}),
        "check": (("check", "--no-packages") + SLOWLY, True, {FEW}),
        "accept": (("accept", "1", "--reason", "x"), True, {FEW, many}),
        "migration": (("show",), True, {FEW}),
    }


class Killer:
    """Runs a command again and again from the same state, and kills it."""

    def __init__(self, tree, command, keep):
        self.tree, self.command = tree, command
        self.kept = tree.state + ".kept" if keep else None
        if keep:
            os.rename(tree.state, self.kept)
        self.restore()
        started = time.monotonic()
        kill_after(tree, None, command)
        self.longest = time.monotonic() - started

    def restore(self):
        shutil.rmtree(self.tree.state, ignore_errors=True)
        if self.kept:
            shutil.copytree(self.kept, self.tree.state)

    def kill(self, chance):
        """At some moment, most of them after the interpreter's start; whether it was in time."""
        self.restore()
        in_time = kill_after(self.tree, self.longest * chance.uniform(0.4, 1.0), self.command)
        self.longest *= 1.05 if in_time else 0.9  # other work on this machine comes and goes
        return in_time


def make_older(tree):
    """Put the state file back into the schema of the first version."""
    with sqlite3.connect(os.path.join(tree.state, "fim.db")) as connection:
        connection.execute("DROP TABLE texts")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def prepare(tree, what, names):
    """Something to approve, compare, accept, migrate."""
    for number in range(names):
        tree.write("many/%d" % number, "%5d" % number)
    assert tree.fim("check", "--no-packages")[0] == 1
    if what == "migration":
        make_older(tree)


WHATS = ("first init", "init", "check", "accept", "migration")


@pytest.mark.parametrize("what", WHATS)
def test_killed_at_any_moment(tree, what):
    prepare(tree, what, 2000)
    command, keep, counts = commands(tree, 2000)[what]
    killer, chance, killed = Killer(tree, command, keep), random.Random(what), 0
    for _ in range(KILLS * 4):
        killed += killer.kill(chance)
        assert tree.whole() in counts
        if killed == KILLS:
            return
    raise AssertionError("only %d kills were in time" % killed)


def test_an_older_schema_is_migrated(tree):
    make_older(tree)
    with pytest.raises(sqlite3.OperationalError):
        kept_texts(tree)
    assert tree.check()[:2] == (0, {}) and kept_texts(tree) == 0


def kept_texts(tree):
    """How many rows the second version's table has."""
    connection = sqlite3.connect(os.path.join(tree.state, "fim.db"))
    try:
        return connection.execute("SELECT count(*) FROM texts").fetchone()[0]
    finally:
        connection.close()


STEP = max(1, 75 // KILLS)  # every third write, unless asked for more


def killed_at_write(tree, command, number):
    """Kill a command at its write of that number; whether it came so far."""
    traced = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=pwrite64",
              "-e", "inject=pwrite64:signal=KILL:when=%d" % number]
    status = subprocess.call(traced + command_of(tree, command), cwd=ROOT,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return status in (-signal.SIGKILL, 128 + signal.SIGKILL)


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
@pytest.mark.parametrize("what", WHATS)
def test_killed_at_every_write(tree, what):
    prepare(tree, what, 50)
    command, keep, counts = commands(tree, 50)[what]
    killer, killed = Killer(tree, [word for word in command if word not in SLOWLY], keep), 0
    killer.restore()
    while killed_at_write(tree, killer.command, 1 + killed * STEP):
        assert tree.whole() in counts
        killer.restore()
        killed += 1
    assert killed * STEP >= 4 and tree.whole() in counts
