# SPDX-License-Identifier: GPL-2.0-only
"""What was taken out of the kernel's hash is told, put back and compared; without a kernel."""
import os
import types

import pytest

from fim import keys
from fim.keys import Keys
from fim.sight import Sight
from fim.vigil import INTERVAL


class Session:
    """Whose keys() gives these, one after the other."""

    def __init__(self, *given):
        self.given, self.compared, self.asked = list(given), [], []

    def keys(self, count):
        self.asked.append(count)
        return self.given.pop(0)

    def reconcile(self, since):
        self.compared.append(since)


class Clock:
    """Of both kinds."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def time(self):
        return self.now + 10**9


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    return clock


def turn(clock, looked, seconds=10):
    clock.now += seconds
    return looked.turn()


def test_a_round_is_due(clock):
    session = Session((0, False), (0, False))
    looked = Keys(session)
    assert [turn(clock, looked, 4) for _ in range(6)] == [None] * 6
    assert session.asked == [keys.ROUND] * 2


def test_a_million_within_the_hour():
    """And a round is no longer than the slices of other work between two readings of the rings."""
    assert -(-10**6 // keys.ROUND) * INTERVAL <= 3600 and keys.ROUND * 0.0000012 <= 0.005


def test_since_when(clock):
    """Since the last pass over all of them: its beginning, for the first are asked for first."""
    looked = Keys(Session((0, False), (0, True), (0, False), (0, True), (3, False)))
    assert [turn(clock, looked) for _ in range(4)] == [None] * 4
    assert looked.dark_from == 1020
    blind = turn(clock, looked)
    assert "3 of those" in blind["reason"] and blind["mend"]
    assert blind["since"] == keys.moment(10**9 + 1020) and blind["until"] == keys.moment(10**9 + 1050)
    looked.mended()
    assert looked.dark_from == 1050


def test_sight_compares_and_watches_its_canary_again(clock):
    session = Session((0, True), (2, False))
    sight, told, watched = Sight(session, (), (), None), [], []
    sight.keys = Keys(session)
    sight.canary.home, sight.canary.watch = "home", watched.append
    for _ in range(2):
        clock.now += 10
        sight.keep(None, lambda *record: told.append(record))
    assert [kind for kind, _, _ in told] == ["blind"] and told[0][1]["until"]
    assert session.compared == [1000 * 10**9] and watched == [["home"]]
    assert sight.doubts == 1


def test_a_hash_without_room_for_the_canary_ends_nothing(clock):
    """It has another home in the next round, or says that it has none."""
    def refuse(scratches):
        raise OSError(28, os.strerror(28))
    sight, closed = Sight(Session((2, False)), (), (), None), []
    sight.keys, sight.canary.watch = Keys(sight.session), refuse
    sight.canary.home = types.SimpleNamespace(path="/run/fim/x", close=lambda: closed.append(1))
    clock.now += 10
    sight.keep(None, lambda *record: None)
    assert closed and sight.canary.home is None
    assert sight.canary.absent == {None: "the canary's /run/fim/x: " + os.strerror(28)}
