# SPDX-License-Identifier: GPL-2.0-only
"""Rules that do what they must not, beside one that does well, while files are made: it is asked
about every change, once, and of the others it is said which one did what. make test-policy"""
import os
import textwrap

import pytest

from misdeeds import MISDEEDS
from policed import Policed, amiss, of_kind, told_of

POLICY = """
import os, socket, time
from fim.policy import Policy
policy = Policy("rules")
tree = policy.watch(%r)
@policy.rule(tree, on={"new"})
def every(change):
    "Any."
    return True
"""
RULE = """
@policy.rule(tree / %r, on={"new"}, name=%r)
def bad(change):
    "Does what it must not."
%s
"""
DECLARE = "def declare():%s\ndeclare()\n"  # each has a `bad` of its own
TIMES = 2       # a third process that does not survive a rule suspends it
BESIDE = 10     # files of nobody's, for each that a bad rule is asked about
LONG = 900.0    # each that has to be killed takes 20 s of silence, or a start


def source(top):
    """Every misdeed, of files in a directory of its name."""
    return POLICY % top + "".join(
        DECLARE % textwrap.indent(RULE % (name, name, body), "    ")
        for name, (body, _) in sorted(MISDEEDS.items()))


@pytest.fixture
def host(tree, tmp_path):
    top = tree + "/watched"
    for name in MISDEEDS:
        os.mkdir("%s/%s" % (top, name))
    with Policed(tmp_path, [], {"rules": source(top)}) as watcher:
        yield watcher.wait_ready()


def load(top):
    """The files that are made, one after another."""
    for number in range(TIMES):
        for name in sorted(MISDEEDS):
            yield "%s/%s/%d" % (top, name, number)
            for beside in range(BESIDE):
                yield "%s/%d-%s-%d" % (top, number, name, beside)


def names(error, rule):
    """Whether it is of that rule, whose file and line may follow."""
    return (error["where"] + " (").startswith("rule %s (" % rule)


def unsaid(errors):
    """Misdeeds of which no error of their rule tells."""
    return [name for name, (_, said) in MISDEEDS.items()
            if not any(names(error, name) and said in error["message"] for error in errors)]


def test_rules_that_misbehave(host, tree):
    made, records = [], []
    for path in load(tree + "/watched"):
        with open(path, "w") as file:
            file.write("x\n")
        made.append(path)
        records += host.stream.read()
    host.waited(records, lambda records: len(of_kind(records, "alert")) >= len(made), LONG)
    records += host.records(kinds=["gap"])
    errors = of_kind(records, "error")
    print("%d changes, %d errors" % (len(made), len(errors)))
    assert told_of(records, "every") == sorted(made)
    assert unsaid(errors) == [] and not amiss(records, ["gap"])
    assert all(error["where"].startswith("rule ") for error in errors), errors
