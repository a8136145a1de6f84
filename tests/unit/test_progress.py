# SPDX-License-Identifier: GPL-2.0-only
"""How far it is: on a terminal, with rate and time left; nowhere else."""
import os
import pty
import subprocess
import sys

from core_build import ROOT
from fim import progress
from trees import Tree


def said_on_a_terminal(command):
    """What a command shows where standard error is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def test_on_a_terminal_only(tmp_path):
    tree = Tree(tmp_path)
    for number in range(30):
        tree.write(str(number), bytes(10000))
    tree.init()
    command = [sys.executable, "-m", "fim", "check", "--state", tree.state,
               "--max-mb-per-s", "0.15"]
    shown = said_on_a_terminal(command)
    assert " of about 31, " in shown and "MB/s" in shown and " s left" in shown
    assert shown.endswith("\r\x1b[K")  # and nothing stays
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stderr == b"" and b"\r" not in done.stdout


def test_time_left():
    shown = progress.Progress(100, 1000)
    shown(50, 0)
    assert shown.left(500, 3.0) == 3.0 and shown.left(1000, 3.0) is None
    assert shown.text(500, 3.0).endswith("3 s left")
    without = progress.Progress()
    without(50, 0)
    assert without.left(500, 3.0) is None
