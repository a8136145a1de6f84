# SPDX-License-Identifier: GPL-2.0-only
"""Every hook switched off under load, and on again: blind from then to then, and what happened
meanwhile is found.

FIM_TEST_DARK   seconds of darkness after it was told (5): a round of the canary comes before
"""
import contextlib
import json
import os
import time

from daemon import Daemon, create
from state import State, differences
from test_reconcile import darkness, fill, storm  # the first is a fixture
from watcher import START_PATIENCE

__all__ = ["darkness"]

SECONDS = float(os.environ.get("FIM_TEST_DARK", "5"))
PATIENCE = 300.0
LONG = 3600  # the load ends when it is ended
STATS = "/proc/sys/kernel/bpf_stats_enabled"
BLIND, SEEING = (2,), (0, 1)


@contextlib.contextmanager
def loaded(directory):
    """Two processes change what is in it, each on a CPU of its own."""
    acting = [storm(kind, directory, LONG, cpu) for cpu, kind in enumerate(("storm", "touch"))]
    try:
        yield
    finally:
        for process in acting:
            process.kill()
            process.wait()


def blinds(daemon, over):
    """`blind` records that have no end, or those that have."""
    return [record for record in daemon.records("blind") if (record["until"] is not None) == over]


def all_closed(daemon):
    """Whether every hole was compared; one that was open when it was killed is by what the next
    start compares."""
    records = daemon.records("gap", "blind", "gap_closed")
    records = [record for record in records if record["stream"] == records[-1]["stream"]]
    open_ones = {record["seq"] for record in records
                 if record["kind"] == "gap" or record.get("until")}
    return open_ones <= {record["gap"] for record in records if record["kind"] == "gap_closed"}


def settled(daemon, directory, name):
    """What was done before this name was made is told."""
    create(directory, name, 1)
    daemon.heard_of("%s/f%d" % (directory, name))


def test_the_dark_under_load(tree, darkness):
    watched, state = tree + "/watched", tree + "/outside/state"
    fill(watched)
    known = State(watched)
    with Daemon(state, watched, options=["--no-join"]) as daemon:
        with loaded(watched):
            settled(daemon, watched, 1)
            darkness("0")
            daemon.wait(lambda: blinds(daemon, False), PATIENCE)
            time.sleep(SECONDS)
            darkness("1")
            daemon.wait(lambda: blinds(daemon, True), PATIENCE)
        settled(daemon, watched, 2)
        daemon.wait(lambda: all_closed(daemon), PATIENCE)
        settled(daemon, watched, 3)
        after = State(watched)
        daemon.stop()
    begun, over = blinds(daemon, False)[0], blinds(daemon, True)[0]
    assert begun["since"] == over["since"] < over["until"] and "ftrace" in begun["reason"]
    assert begun["mend"]
    for record in daemon.records("event", "reconcile", "found"):
        if str(record["path"]).startswith(watched):
            known.apply(record)
    assert [record for record in daemon.records("reconcile") if record["gap"] == over["seq"]]
    amiss = differences(known, after)
    assert not amiss, sorted(amiss.items())[:9]
    daemon.check()
    assert daemon.fim("verify")[0] == 0


def status(daemon):
    """(exit status, what is said)"""
    code, lines = daemon.fim("status", "--format", "json")
    return code, json.loads(lines[0]) if lines else {}


def count_cost():
    """Have the kernel count what programs cost; whether it can."""
    if not os.path.exists(STATS):
        return False
    with open(STATS, "w") as file:
        file.write("1")
    return True


def test_started_in_the_dark(tree, darkness):
    """It stays, says why, and sees when it can; what its programs cost the kernel, too."""
    watched, state = tree + "/watched", tree + "/outside/state"
    daemon = Daemon(state, watched, options=["--retry", "1"])
    darkness("0")
    daemon.launch()
    try:
        daemon.wait(lambda: os.path.isdir(state + "/journal") and daemon.records("blind"),
                    START_PATIENCE)
        daemon.wait(lambda: status(daemon)[0] in BLIND)
        blind = daemon.records("blind")[0]
        assert "ftrace" in blind["reason"] and blind["mend"] and blind["until"] is None
        create(watched, 0, 1)
        counted = count_cost()
        darkness("1")
        daemon.wait(lambda: daemon.records("coverage"), START_PATIENCE)
        daemon.wait(lambda: status(daemon)[0] in SEEING)
        settled(daemon, watched, 1)
        daemon.wait(lambda: not counted or (status(daemon)[1]["kernel_seconds"] or 0) > 0)
        assert counted or status(daemon)[1]["kernel_seconds"] is None
        over = blinds(daemon, True)[0]
        assert over["since"] == blind["since"] and over["reason"] == blind["reason"]
        daemon.stop()
    finally:
        daemon.__exit__()
    daemon.check()
