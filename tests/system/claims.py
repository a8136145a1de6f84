# SPDX-License-Identifier: GPL-2.0-only
"""The ring divided among guests: whoever makes a unit's directory first runs its tests.

FIM_TEST_CLAIMS   a directory that all guests share; none: this run does everything

As a command, on the host when all guests have ended: adds up what they did, prints the table
of what is seen, and fails if a test failed or was run by nobody.

    python3 tests/system/claims.py DIRECTORY [FILE that gets the table as JSON]
"""
import collections
import json
import os
import sys

from matrix import lines_of, rows_of

# Modules that take minutes are claimed first, so that no guest begins one when the rest is done.
LONG = ["test_start.py", "test_killed.py", "test_run.py", "test_dark.py", "test_canary.py",
        "test_full.py", "test_drill.py", "test_stop.py", "test_load.py", "test_reconcile.py",
        "test_ways.py", "test_doctor.py", "test_steady.py", "test_older.py"]
WANTED = "wanted.json"
REASON = 400  # characters of why a test failed, below the table: CI keeps the end of its output


def unit_of(item):
    """A module, and one file system of it: `test_acts.py-xfs`."""
    module = os.path.basename(item.nodeid.split("::")[0])
    values = getattr(item, "callspec", None)
    kind = values and (values.params.get("room") or values.params.get("each_tree"))
    return "%s-%s" % (module, kind) if kind else module


def rank(unit):
    """Sorts the long ones to the front, and overlayfs to the end: that has a second monitor."""
    module = unit.split("-")[0]
    return unit.endswith("-overlay"), LONG.index(module) if module in LONG else len(LONG)


def reason_of(report):
    """Why a test failed, in a line of at most REASON characters."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return " ".join((crash.message if crash else str(report.longrepr)).split())[:REASON]


class Claims:
    """A plugin of pytest: runs what this guest has claimed, and writes down what came of it."""

    def __init__(self, directory, matrix):
        self.directory, self.matrix = directory, matrix
        self.outcomes = {}  # {test: passed or failed}
        self.reasons = {}  # {failed test: why, in a line}

    def claim(self, unit):
        """Whether it is this guest's."""
        try:
            os.mkdir(os.path.join(self.directory, unit))
        except FileExistsError:
            return False
        return True

    def items(self, session):
        """The tests of this guest, each unit claimed when the last test of the one before starts."""
        units = collections.OrderedDict()
        for item in session.items:
            units.setdefault(unit_of(item), []).append(item)
        for unit in sorted(units, key=rank):
            if self.claim(unit):
                yield from units[unit]

    def pytest_collection_finish(self, session):
        self.write(WANTED, sorted(item.nodeid for item in session.items))

    def pytest_runtestloop(self, session):
        """As pytest's own; a test must know the next one, to leave it the fixtures they share."""
        if session.testsfailed:  # at collection
            return None
        mine = self.items(session)
        item = next(mine, None)
        while item:
            following = next(mine, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail or session.shouldstop:
                raise session.Interrupted(session.shouldfail or session.shouldstop)
            item = following
        return True

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            kept = self.outcomes.get(report.nodeid, "passed")
            self.outcomes[report.nodeid] = report.outcome if kept == "passed" else kept
        if report.failed:
            self.reasons.setdefault(report.nodeid, reason_of(report))

    def pytest_sessionfinish(self):
        cells = [[*names, found] for names, found in self.matrix.cells.items()]
        self.write("ran-%s.json" % os.urandom(4).hex(),
                   {"outcomes": self.outcomes, "reasons": self.reasons, "cells": cells})

    def write(self, name, what):
        """Whole or not at all; other guests may write the same file."""
        path = os.path.join(self.directory, name)
        unfinished = "%s.%s" % (path, os.urandom(4).hex())
        with open(unfinished, "w") as file:
            json.dump(what, file)
        os.rename(unfinished, path)


def read(path):
    with open(path) as file:
        return json.load(file)


def total(directory):
    """({test: outcome} of all guests, {test: why it failed}, tests that nobody ran, Matrix.cells
    of all).
    """
    outcomes, reasons, cells = {}, {}, {}
    for name in sorted(os.listdir(directory)):
        if name.startswith("ran-") and name.endswith(".json"):
            ran = read(os.path.join(directory, name))
            outcomes.update(ran["outcomes"])
            reasons.update(ran["reasons"])
            for operation, way, found in ran["cells"]:
                cells.setdefault((operation, way), {}).update(found)
    left = set(read(os.path.join(directory, WANTED))) - set(outcomes)
    return outcomes, reasons, sorted(left), cells


def tell_table(cells, file):
    """What is seen; as JSON, too."""
    for line in lines_of(cells):
        print(line)
    if file:
        rows = list(rows_of(cells))
        with open(file, "w") as target:
            json.dump([dict(zip(rows[0], row)) for row in rows[1:]], target, indent=1)


def main():
    if not os.path.exists(os.path.join(sys.argv[1], WANTED)):
        sys.exit("%s: no guest came as far as collecting tests" % sys.argv[1])
    outcomes, reasons, left, cells = total(sys.argv[1])
    if cells:
        tell_table(cells, sys.argv[2] if sys.argv[2:] else None)
    failed = sorted(test for test, outcome in outcomes.items() if outcome != "passed")
    for word, tests in (("FAILED", failed), ("NOT RUN", left)):
        for test in tests:
            print(word, test, reasons.get(test, ""))
    print("%d passed, %d failed, %d not run" % (len(outcomes) - len(failed), len(failed), len(left)))
    return 1 if failed or left or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
