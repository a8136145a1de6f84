# SPDX-License-Identifier: GPL-2.0-only
"""Told to stop: once it comes to its end by itself, later again it ends at once."""
import os
import signal
import subprocess
import sys
import time

import pytest

from core_build import ROOT

HELD_UP = """
import os
from fim.stop import Stop
Stop()
ours, theirs = os.pipe()
os.write(1, b"ready")
while True:
    os.write(theirs, b"x" * 65536)
"""
AT_ONCE = """
import os, signal
from fim.stop import Stop
stop = Stop()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
    os.kill(os.getpid(), number)
print(stop.reason)
"""


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_held_up(number):
    """By output that nobody reads."""
    process = subprocess.Popen([sys.executable, "-c", HELD_UP], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.read(5) == b"ready"
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.05)
    process.stdout.close()
    assert process.returncode == -number


def test_several_at_once_are_one():
    done = subprocess.run([sys.executable, "-c", AT_ONCE], cwd=ROOT, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"SIGTERM\n")


@pytest.mark.parametrize("verb,status", (("watch /etc", 1), ("status", 18)))
def test_a_fifo_that_nobody_reads(tmp_path, verb, status):
    """Is said, and not waited for."""
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    done = subprocess.run([sys.executable, "-m", "fim"] + verb.split() + ["--output", path],
                          cwd=ROOT, stderr=subprocess.PIPE)
    said = done.stderr.decode()
    assert done.returncode == status and "nobody reads it" in said and said.count("\n") == 1
