"""The comparison with the baseline, beside the daemon: `fim check` as a process of its own,
behind everybody else."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time

__all__ = ["Comparison"]

PIECE = 1 << 16  # bytes a turn: what reads the rings must not wait
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Comparison:
    """Runs it so often (0: not by itself), and when asked to, where there is a baseline."""

    def __init__(self, state, seconds):
        self.state = state
        self.seconds = seconds or float("inf")
        self.next = time.monotonic() + self.seconds
        self.quick = False
        self.process = None
        self.rest = b""

    def soon(self):
        """What changed while nobody saw: only what stat does not clear is read."""
        self.next, self.quick = 0, True

    def turn(self, put):
        """Begin, or go on: `put` takes its lines."""
        if self.process:
            self.read(put)
        elif time.monotonic() >= self.next:
            if os.path.exists(os.path.join(self.state, "fim.db")):
                self.begin()
            self.next, self.quick = time.monotonic() + self.seconds, False

    def begin(self):
        """Start the process."""
        idle = ["ionice", "-c", "3"] if shutil.which("ionice") else []
        command = idle + ["nice", "-n", "19", sys.executable, "-m", "fim", "check", "--state",
                          self.state, "--format", "json"] + (["--quick"] if self.quick else [])
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        fcntl.fcntl(self.process.stdout, fcntl.F_SETFL, os.O_NONBLOCK)

    def read(self, put):
        """What it has written, as whole lines; nothing more comes: it has ended."""
        try:
            piece = os.read(self.process.stdout.fileno(), PIECE)
        except BlockingIOError:
            return
        lines, end, self.rest = (self.rest + piece).rpartition(b"\n")
        put(lines + end)
        if not piece:
            self.end()

    def end(self):
        """It is over."""
        self.process.stdout.close()
        self.process.wait()
        self.process, self.rest = None, b""

    def close(self):
        """Do not wait for it."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            self.end()
