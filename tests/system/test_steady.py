# SPDX-License-Identifier: GPL-2.0-only
"""FIM_TEST_STEADY seconds (60) of a mixed load: memory stays, and nothing is lost unsaid."""
import collections
import os
import subprocess
import sys

from daemon import Daemon, create, resident
from rounds import ROUND

SECONDS = float(os.environ.get("FIM_TEST_STEADY", 60))
MORE_KIB = 8192  # in the second half
ACTORS = 2
ROUNDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rounds.py")
REASONS = ("the ring was full", "the ring was full, or its CPU has none")


def loads(directories, seconds):
    """An actor in each, at the same time: their rounds together."""
    actors = [subprocess.Popen([sys.executable, ROUNDS, path, str(seconds)],
                               stdout=subprocess.PIPE) for path in directories]
    return sum(int(actor.communicate()[0]) for actor in actors)


def gaps_explained(records):
    """The records that are lost; each gap says why, and was compared to its end."""
    gaps = [record for record in records if record["kind"] == "gap"]
    closed = {record["gap"]: record for record in records if record["kind"] == "gap_closed"}
    assert {gap["seq"] for gap in gaps} <= set(closed), "open"
    assert {gap["reason"] for gap in gaps} <= set(REASONS)
    return sum(gap["lost"] for gap in gaps)


def test_memory_stays(tree):
    watched, state = tree + "/watched", tree + "/outside/state"
    directories = ["%s/actor%d" % (watched, number) for number in range(ACTORS)]
    for path in directories:
        os.mkdir(path)
    with Daemon(state, watched, options=["--segment-mib", "1"]) as daemon:
        rounds = loads(directories, SECONDS / 2)
        create(watched, 0, 1)
        daemon.heard_of(watched + "/f0")
        half = resident(daemon.process)
        rounds += loads(directories, SECONDS / 2)
        create(watched, 1, 1)
        daemon.heard_of(watched + "/f1")
        end = resident(daemon.process)
        daemon.stop()
    records = daemon.records()
    told = collections.Counter(
        record["op"] for record in records if record["kind"] == "event"
        and record["path"].startswith(tuple(path + "/" for path in directories)))
    lost = gaps_explained(records)
    print("%d rounds in %d s, %d records lost: %d KiB, %d KiB at half the time"
          % (rounds, SECONDS, lost, end, half))
    missing = {op: ROUND[op] * rounds - told[op] for op in ROUND}
    assert all(count >= 0 for count in missing.values()), missing
    assert sum(missing.values()) <= lost, missing
    assert end - half < MORE_KIB
    daemon.check()
    assert daemon.fim("verify")[0] == 0
