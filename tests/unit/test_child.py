# SPDX-License-Identifier: GPL-2.0-only
"""Whether a sandbox is silent by its own doing, or for want of a processor."""
import os
import subprocess
import sys
import time

import pytest

from fim import child
from fim.child import Child, processor_of

SPINS = "while True: pass"
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture(params=[SPINS, SLEEPS], ids=["spins", "sleeps"])
def process(request):
    running = subprocess.Popen([sys.executable, "-c", request.param])
    time.sleep(1)
    yield running, request.param
    running.kill()
    running.wait()


def test_state_and_seconds(process):
    running, text = process
    state, used = processor_of(running.pid)
    assert (state == b"R", used > 0.1) == ((True, True) if text == SPINS else (False, used > 0.1))


@pytest.mark.parametrize("readings, starves", [
    ([(b"R", 3.0), (b"R", 3.1)], [True, True]),     # ten seconds, of which it had one hundredth
    ([(b"R", 3.0), (b"R", 12.0)], [True, False]),   # it had nine of them, and said nothing
    ([(b"S", 3.0), (b"S", 3.0)], [False, False]), ([(b"Z", 0.0)], [False])])
def test_it_starves(monkeypatch, readings, starves):
    made, clock = object.__new__(Child), iter(range(10, 100, 10))
    made.process, made.used, made.asked = subprocess.Popen(["true"]), None, 0.0
    made.process.wait()
    monkeypatch.setattr(child, "processor_of", lambda pid, left=list(readings): left.pop(0))
    monkeypatch.setattr(child.time, "monotonic", lambda: float(next(clock)))
    assert [made.starves() for _ in readings] == starves


def test_one_that_is_gone_does_not():
    gone = os.fork()
    if not gone:
        os._exit(0)
    time.sleep(0.2)
    assert processor_of(gone)[0] == b"Z"
    os.waitpid(gone, 0)
