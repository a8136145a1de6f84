# SPDX-License-Identifier: GPL-2.0-only
"""The table of what was seen: operation x way x file system, from the run itself."""
import functools
import os
from collections import namedtuple

REVIEWED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "not_possible.txt")
SEEN, NOT_SEEN, UNTRIED = "seen", "NOT SEEN", "."
KINDS = ["ext4", "xfs", "btrfs", "tmpfs", "overlay"]  # the columns, left to right

Refusal = namedtuple("Refusal", "operation way kind errno lacking")


@functools.lru_cache()  # half a second of an emulated machine each time
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


def rows_of(cells):
    """The table, a list of words a row, of {(operation, way): {file system: what came of it}}."""
    found = {kind for row in cells.values() for kind in row}
    kinds = [kind for kind in KINDS if kind in found] + sorted(found - set(KINDS))
    yield ["operation", "way"] + kinds
    for operation, way in sorted(cells):
        yield [operation, way] + [cells[operation, way].get(kind, UNTRIED) for kind in kinds]


def lines_of(cells):
    """The same, to be read."""
    rows = list(rows_of(cells))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


class Matrix:
    """A plugin of pytest: takes the cells that tests have noted, prints the table."""

    def __init__(self):
        self.refusals = refusals()
        self.cells = {}  # {(operation, way): {file system: what came of it}}

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

    def pytest_terminal_summary(self, terminalreporter):
        if self.cells and "FIM_TEST_CLAIMS" not in os.environ:  # else: claims.py has all of it
            terminalreporter.section("coverage on %s" % os.uname()[2])
            for line in lines_of(self.cells):
                terminalreporter.write_line(line)


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
