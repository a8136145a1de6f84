# SPDX-License-Identifier: GPL-2.0-only
"""`fim run` killed with -9 at random moments under load, and started again each time: the journal
is whole up to its last whole record, and at the end no change is unaccounted.

FIM_TEST_KILLS   how often (3)
"""
import copy
import os
import random
import time

from daemon import Daemon
from state import State, differences
from test_dark import all_closed, loaded, settled
from test_reconcile import fill
from watcher import START_PATIENCE

KILLS = int(os.environ.get("FIM_TEST_KILLS", "3"))
LONGEST = 8.0  # seconds from when it is ready, or (each third) from its start
WHOLE, TORN = 0, 2
PATIENCE = 300.0


def kill(daemon, number, chance):
    """Start it, and end it in the middle of something: of three one while it starts."""
    daemon.launch()
    if number % 3 < 2:
        daemon.wait(lambda: os.path.exists(daemon.ready), START_PATIENCE)
    time.sleep(chance.uniform(0, LONGEST))
    daemon.kill()
    if os.path.isdir(daemon.state + "/journal"):
        assert daemon.fim("verify")[0] in (WHOLE, TORN), number


SAID = ("kind", "op", "reason", "seq", "time", "old_path", "path", "state", "message", "deleted")


def names_of(state, ino):
    return sorted(path for path, number in state.names.items() if number == ino)


def history(start, records, ino):
    """Each start, and each record by which an inode has another name, with the names."""
    state, before = copy.deepcopy(start), names_of(start, ino)
    yield before
    for record in records:
        state.apply(record)
        now = names_of(state, ino)
        if now != before or record["kind"] in ("start", "gap", "gap_closed"):
            yield {key: record[key] for key in SAID if record.get(key)}, now
        before = now


def test_killed_under_load(tree):
    watched, state = tree + "/watched", tree + "/outside/state"
    fill(watched)
    known, chance = State(watched), random.Random(23)
    start = copy.deepcopy(known)
    daemon = Daemon(state, watched, options=["--no-join"])
    with daemon:
        settled(daemon, watched, 0)
        daemon.stop()  # what there was is known from here on
    with loaded(watched):
        for number in range(KILLS):
            kill(daemon, number, chance)
    with daemon:
        settled(daemon, watched, 1)
        daemon.wait(lambda: all_closed(daemon), PATIENCE)
        settled(daemon, watched, 2)
        after = State(watched)
        daemon.stop()
    records = [record for record in daemon.records()
               if str(record.get("path") or watched).startswith(watched)]
    for record in records:
        known.apply(record)
    amiss = differences(known, after)
    for path in sorted(amiss)[:4]:
        print("AMISS", path, amiss[path])
        for line in history(start, records, (amiss[path][0] or amiss[path][1])["ino"]):
            print("   ", line)
    assert not amiss, sorted(amiss.items())[:9]
    reasons = [record["reason"] for record in daemon.records("start")]
    assert len(reasons) >= 3 and "crash" in reasons
    assert daemon.fim("verify")[0] == WHOLE
    daemon.check()
