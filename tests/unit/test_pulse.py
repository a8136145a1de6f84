# SPDX-License-Identifier: GPL-2.0-only
"""The watchdog hears of what moves, and of nothing else."""
import itertools
import time

import pytest

from fim.pulse import Pulse

PATIENCE = 0.15
LONG = 5


class Service:
    """Counts what it is told."""

    patience = PATIENCE

    def __init__(self):
        self.told = []

    def tell(self, line):
        self.told.append(line)


@pytest.fixture
def service():
    return Service()


def told(service, number, seconds):
    """Whether it was so often within that time."""
    end = time.monotonic() + seconds
    while len(service.told) < number and time.monotonic() < end:
        time.sleep(0.01)
    return len(service.told) >= number


def test_a_long_call_that_gets_on(service):
    pulse = Pulse(service, itertools.count().__next__)
    assert told(service, 5, LONG)
    pulse.close()
    assert set(service.told) == {"WATCHDOG=1"}


def test_a_loop_that_turns(service):
    pulse = Pulse(service, lambda: 0)
    assert told(service, 1, LONG)
    for number in range(2, 5):
        pulse.turn()
        assert told(service, number, LONG)
    pulse.close()


def test_what_hangs_is_not_covered_up(service):
    pulse = Pulse(service, lambda: 0)
    assert told(service, 1, LONG)
    assert not told(service, 2, 10 * PATIENCE)
    pulse.close()


def test_nothing_after_the_end(service):
    pulse = Pulse(service, itertools.count().__next__)
    pulse.close()
    pulse.thread.join(LONG)
    assert not pulse.thread.is_alive()


def test_nobody_listens():
    service = Service()
    service.patience = None
    assert not Pulse(service, lambda: 0).thread.is_alive()
