# SPDX-License-Identifier: GPL-2.0-only
"""A ring too small and a monitor that does not read: what is lost is counted, exactly."""
import os
import signal
import time

import pytest

from watcher import Watcher

ACTS = 2000


@pytest.fixture
def tree(any_kind, base):
    path = os.path.join(base[any_kind], "outside", "loss")
    os.mkdir(path)
    return path


@pytest.fixture
def any_kind(base):
    return "ext4" if "ext4" in base else next(iter(base))


def lost_in(records):
    return sum(record["lost"] for record in records if record["kind"] == "gap")


def add_up(watcher, acts):
    """(events, lost) as they come, until they are `acts` or nothing more comes."""
    events = lost = 0
    for record in watcher.follow(patience=10):
        events += record["kind"] == "event"
        lost += lost_in([record])
        if record["kind"] == "gap":
            assert record["lost"] == record["last"] - record["first"] + 1
            assert record["since"] is None or record["since"] < record["until"]
        if events + lost >= acts:
            break
    return events, lost


def test_acts_are_told_or_counted(workloads, tree, scratch):
    with Watcher(scratch / "loss", [tree], "--ring-pages", "1") as watcher:
        before = lost_in(watcher.wait_ready().settle())  # of the monitor's own canary
        watcher.process.send_signal(signal.SIGSTOP)
        workloads.run("create", tree, ACTS)
        watcher.process.send_signal(signal.SIGCONT)
        events, lost = add_up(watcher, ACTS)
        assert events + lost == ACTS
        assert 0 < lost < ACTS
        time.sleep(1)
        assert [record for record in watcher.settle() if record["kind"] in ("event", "gap")] == []
        last = watcher.stop()
        assert last[-1]["kind"] == "stop" and last[-1]["counts"]["lost"] == before + lost
