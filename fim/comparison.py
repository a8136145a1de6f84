"""The comparison with the baseline, beside the daemon: `fim check` as a process of its own,
behind everybody else."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

__all__ = ["Comparison"]

PIECE = 1 << 16  # bytes a turn: what reads the rings must not wait
SAID = 1 << 12   # bytes of its standard error that are kept
ANSWERS = range(8)
ALONE = "-BEs"   # nothing of the caller's is imported, nothing compiled left, as in fim/needs.py
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Comparison:
    """Runs it so often (0: not by itself), and when asked to, where there is a baseline.

    failing  why the last one that ended failed, None: it did not
    """

    def __init__(self, state, seconds):
        self.state = state
        self.seconds = seconds or float("inf")
        self.next = time.monotonic() + self.seconds
        self.quick = False
        self.process = None
        self.rest = self.said = b""
        self.failing = None

    def soon(self):
        """What changed while nobody saw: only what stat does not clear is read."""
        self.next, self.quick = 0, True

    def turn(self, put):
        """Begin, or go on: `put` takes its lines. Why it failed, if it just did."""
        if self.process:
            return self.read(put)
        failure = None
        if time.monotonic() >= self.next:
            if os.path.exists(os.path.join(self.state, "fim.db")):
                failure = self.begin()
                self.failing = failure or self.failing
            self.next, self.quick = time.monotonic() + self.seconds, False
        return failure

    def begin(self):
        """Start the process; why that was not possible."""
        idle = ["ionice", "-c", "3"] if shutil.which("ionice") else []
        command = idle + ["nice", "-n", "19", sys.executable, ALONE, "-m", "fim", "check", "--state",
                          self.state, "--format", "json"] + (["--quick"] if self.quick else [])
        try:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True)  # Ctrl-C is for us
        except OSError as error:
            return error.strerror
        for pipe in (self.process.stdout, self.process.stderr):
            fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_NONBLOCK)
        return None

    def read(self, put):
        """What it has written, as whole lines; nothing more comes: it has ended."""
        self.listen()
        try:
            piece = os.read(self.process.stdout.fileno(), PIECE)
        except BlockingIOError:
            return None
        lines, end, self.rest = (self.rest + piece).rpartition(b"\n")
        put(lines + end)
        if not piece:
            self.listen()
            self.failing = self.why(*self.end())
            return self.failing
        return None

    def listen(self):
        """The end of what it complains of."""
        with contextlib.suppress(BlockingIOError):
            self.said = (self.said + os.read(self.process.stderr.fileno(), PIECE))[-SAID:]

    @staticmethod
    def why(status, said):
        """In words; None for an answer."""
        if status in ANSWERS:
            return None
        if status < 0:
            return "it was ended by signal %s" % signal.Signals(-status).name
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return last[len("fim: "):] if last.startswith("fim: ") else last or "it left with %d" % status

    def end(self):
        """It is over: (its status, what it said)."""
        self.process.stdout.close()
        self.process.stderr.close()
        ended = self.process.wait(), self.said
        self.process, self.rest, self.said = None, b"", b""
        return ended

    def close(self):
        """Do not wait for it."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            self.end()
