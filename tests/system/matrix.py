# SPDX-License-Identifier: GPL-2.0-only
"""The table of what was seen: operation x way x file system, from the run itself.

FIM_TEST_MATRIX   a file that gets it as JSON
"""
import json
import os
from collections import namedtuple

REVIEWED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "not_possible.txt")
SEEN, NOT_SEEN, UNTRIED = "seen", "NOT SEEN", "."

Refusal = namedtuple("Refusal", "operation way kind errno lacking")


def symbols():
    """Names of the functions of this kernel."""
    with open("/proc/kallsyms") as lines:
        return {line.split()[2] for line in lines}


def refusals():
    """The rows of the reviewed file that hold on this kernel; the first that fits counts."""
    with open(REVIEWED) as lines:
        rows = [Refusal(*line.split("#")[0].split()) for line in lines if line[0] not in "#\n"]
    here = symbols()
    return [row for row in rows if row.lacking == "-" or row.lacking not in here]


class Matrix:
    """A plugin of pytest: takes the cells that tests have noted, prints the table."""

    def __init__(self):
        self.refusals = refusals()
        self.cells = {}  # {(operation, way): {file system: what came of it}}
        self.kinds = []

    def refused(self, operation, way, kind):
        """By which error this is refused, as reviewed; None: it is possible."""
        for row in self.refusals:
            if all(said in ("*", tried) for said, tried in zip(row, (operation, way, kind))):
                return row.errno
        return None

    def pytest_runtest_logreport(self, report):
        """A test of many cells says which it has not seen; of another that failed it is all."""
        cells = [cell for name, cell in report.user_properties if name == "cell"]
        dark = report.failed and NOT_SEEN not in [state for *_, state in cells]
        for operation, way, kind, state in cells if report.when == "call" else ():
            self.cells.setdefault((operation, way), {})[kind] = NOT_SEEN if dark else state
            self.kinds += [kind] if kind not in self.kinds else []

    def rows(self):
        """The table, a list of words a row."""
        yield ["operation", "way"] + self.kinds
        for operation, way in sorted(self.cells):
            found = self.cells[operation, way]
            yield [operation, way] + [found.get(kind, UNTRIED) for kind in self.kinds]

    def pytest_terminal_summary(self, terminalreporter):
        if not self.cells:
            return
        rows = list(self.rows())
        widths = [max(map(len, column)) for column in zip(*rows)]
        terminalreporter.section("coverage on %s" % os.uname()[2])
        for row in rows:
            terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())
        if "FIM_TEST_MATRIX" in os.environ:
            with open(os.environ["FIM_TEST_MATRIX"], "w") as file:
                json.dump([dict(zip(rows[0], row)) for row in rows[1:]], file, indent=1)


class Cell:
    """Of one test: notes what is tried, and by which error it is refused."""

    def __init__(self, matrix, properties):
        self.matrix, self.properties = matrix, properties

    def __call__(self, operation, way, kind, refused=None, seen=SEEN):
        """True where it was possible; it is refused where the reviewed file says, and only there."""
        self.note(operation, way, kind, refused or seen)
        reviewed = self.matrix.refused(operation, way, kind)
        assert refused == reviewed, "refused by %s, reviewed %s" % (refused, reviewed)
        return refused is None

    def note(self, operation, way, kind, state):
        """What came of it."""
        self.properties.append(("cell", (operation, way, kind, state)))
