# SPDX-License-Identifier: GPL-2.0-only
"""The wall clock is set while the monitor runs."""
import os
import time

import pytest

from expected import nanoseconds

STEP_NS = 300 * 10**6
ERROR_NS = 50 * 10**6


def step(by_ns):
    """Set the clock by so much."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME) + by_ns)


def next_clock(watcher):
    """The next record of a step, in ns: how far."""
    record = next(record for record in watcher.follow() if record["kind"] == "clock")
    return nanoseconds(record["after"]) - nanoseconds(record["before"])


def test_a_step_is_told(watcher):
    if "FIM_VM" not in os.environ:
        pytest.skip("the clock of this machine is not ours to set")
    watcher.settle()
    step(STEP_NS)
    try:
        forward = next_clock(watcher)
    finally:
        step(-STEP_NS)
    backward = next_clock(watcher)
    assert abs(forward - STEP_NS) < ERROR_NS and abs(backward + STEP_NS) < ERROR_NS
    watcher.settle()
