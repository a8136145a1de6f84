"""A sandbox (fim/sandbox.py) as its parent has it: a process, and lines in and out of it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time

from fim.errors import PolicyError

__all__ = ["Child"]

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOT = "import sys; sys.path.insert(0, %r); from fim.sandbox import main; main()" % ROOT
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
START_SECONDS = 60     # an emulated machine takes ten
LINE_BYTES = 1 << 20   # the longest answer
RUNNABLE = b"R"


def processor_of(pid):
    """(state, seconds of a processor) by proc(5)'s stat; a child that is gone is a zombie."""
    with open("/proc/%d/stat" % pid, "rb") as file:
        words = file.read().rpartition(b")")[2].split()
    return words[0], (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Child:
    """One sandbox: lines in and out, neither of which is waited for."""

    def __init__(self, files, skips=(), suspended=(), digests=False):
        head = {"policies": [list(file) for file in files], "skips": list(skips),
                "suspended": list(suspended), "digests": digests}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd="/", env=ENVIRONMENT, start_new_session=True)
        self.started = self.asked = time.monotonic()
        self.used = None  # seconds of a processor, when it was last asked
        self.ended = False
        self.outgoing = json.dumps(head).encode("ascii") + b"\n"
        self.incoming = b""
        for pipe in (self.process.stdin, self.process.stdout):
            os.set_blocking(pipe.fileno(), False)

    def push(self):
        """Write what the pipe takes; whether everything is written."""
        try:
            while self.outgoing:
                self.outgoing = self.outgoing[os.write(self.process.stdin.fileno(),
                                                       self.outgoing):]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.ended = True
        return not self.ended

    def answers(self):
        """What it said since the last call, one by one. ValueError: nonsense."""
        with contextlib.suppress(BlockingIOError):
            data = None
            while data != b"" and len(self.incoming) <= LINE_BYTES:
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                self.incoming += data
            self.ended = self.ended or data == b""
        lines = self.incoming.split(b"\n")
        self.incoming = lines.pop()
        if len(self.incoming) > LINE_BYTES:
            raise ValueError("a line without an end")
        for line in lines:
            yield json.loads(line.decode("ascii"))

    def starves(self):
        """Whether it would run, and had a processor for less than half of the time since this was
        last asked: the first time it has the doubt's benefit."""
        state, used = processor_of(self.process.pid)
        now = time.monotonic()
        idle = self.used is None or used - self.used < (now - self.asked) / 2
        self.used, self.asked = used, now
        return state == RUNNABLE and idle

    def wait(self, seconds):
        """Until it says something, or takes something."""
        waits = select.poll()  # select() takes no descriptor beyond 1,023
        waits.register(self.process.stdout, select.POLLIN)
        if self.outgoing:
            waits.register(self.process.stdin, select.POLLOUT)
        waits.poll(seconds * 1000)

    def kill(self):
        """With everything that it started; how it ended."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        return status

    def loaded(self):
        """The plans of its policies, None while it loads them; PolicyError."""
        self.push()
        for answer in self.answers():
            if "refused" in answer:
                path, line, why = answer["refused"]
                raise PolicyError("fim: %s%s: %s" % (path, ":%d" % line if line else "", why))
            if "plan" in answer:
                return answer["plan"]
        if self.ended or time.monotonic() - self.started > START_SECONDS:
            raise PolicyError("fim: the policy could not be loaded: its process %s"
                              % ("ended" if self.ended else "does not answer"))
        return None

    def load(self):
        """The same, waited for."""
        plans = None
        while plans is None:
            plans = self.loaded()
            if plans is None:
                self.wait(0.1)
        return plans
