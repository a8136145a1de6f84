"""What an alert may have done: a fixed list, each only where the command line allows it. Rules
ask by name and never act themselves; what became of it stands in the alert.
"""

import base64
import contextlib
import errno
import json
import os
import queue
import re
import signal
import stat
import subprocess
import syslog
import threading
import time

from fim.errors import UsageError
from fim.policy_file import check_owner
from fim.records import Record
from fim.report import printable

__all__ = ["Actions", "allowed"]

WORDS = ("stop", "kill", "copy", "notify")
RUN = re.compile(r"run:([a-z0-9_-]+)=(/.+)\Z")
UNSAFE = re.compile(r"[^\w.-]", re.ASCII)  # in the name of a copy
WAITING = 64              # copies and commands
LARGEST = 64 << 20        # bytes of a file that is copied
KEPT_BYTES, KEPT_FILES = 1 << 30, 10000  # of all copies
RUN_SECONDS = 30
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
BOOTTIME = 7              # CLOCK_BOOTTIME, which Python 3.6 has no name for
TOLERANCE = 0.5           # seconds between two readings of one clock


def allowed(word):
    """(action, its command) of an option's value; UsageError, PolicyError."""
    if word in WORDS:
        return word, None
    match = RUN.match(word)
    if not match:
        raise UsageError("fim: action %s: one of %s, run:NAME=/COMMAND" % (word, ", ".join(WORDS)))
    with contextlib.suppress(OSError):
        check_owner(match.group(2), os.stat(match.group(2)))
        return "run:" + match.group(1), match.group(2)
    raise UsageError("fim: action %s: there is no such command" % word)


def started(pid):
    """When a process started, seconds since 1970."""
    with open("/proc/%d/stat" % pid) as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return (time.time() - time.clock_gettime(BOOTTIME)
            + ticks / os.sysconf("SC_CLK_TCK"))


def held_fast(pid):
    """A descriptor by which a process's number is nobody else's; None before Linux 5.3 and
    Python 3.9, which need not come together."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return None
        raise


def signalled(process, number):
    """Send a signal to the process of a record; ProcessLookupError if that is gone."""
    pid, start = process.get("pid"), process.get("start")
    if not pid or not start or pid in (1, os.getpid()):
        raise PermissionError(0, "not to this process")
    pinned = held_fast(pid)
    try:
        if abs(started(pid) - Record({"time": start}).time_ns / 1e9) > TOLERANCE:
            raise ProcessLookupError(0, "it is gone")
        if pinned is not None:
            signal.pidfd_send_signal(pinned, number)
        else:
            os.kill(pid, number)
    finally:
        if pinned is not None:
            os.close(pinned)


def path_of(alert):
    """Of the file, bytes; OSError: the record has none."""
    if "path_b64" in alert:
        return base64.b64decode(alert["path_b64"])
    if alert["path"] is None:
        raise OSError(0, "no path is known")
    return alert["path"].encode("utf-8", "surrogateescape")  # also where the locale's is ASCII


def identity(state):
    """A file's identity as records have it: (device, inode)."""
    return "%d:%d" % (os.major(state.st_dev), os.minor(state.st_dev)), str(state.st_ino)


def opened(path, file):
    """The regular file, if it still has its path; else OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    state = os.fstat(descriptor)
    if stat.S_ISREG(state.st_mode) and identity(state) == (file.get("dev"), file.get("ino")):
        if state.st_size <= LARGEST:
            return os.fdopen(descriptor, "rb")
        file = {"larger": True}
    os.close(descriptor)
    raise OSError(0, "it is too large" if "larger" in file else "another file is there")


def need_room(place, size):
    """OSError: there is none for a copy of that size. Whoever changes files in a loop fills no
    disk by it."""
    with os.scandir(place) as entries:
        sizes = [entry.stat(follow_symlinks=False).st_size for entry in entries]
    if sum(sizes) + size > KEPT_BYTES or len(sizes) >= KEPT_FILES:
        raise OSError("not copied: %s is full (%d MiB or %d files): move away what is in it"
                      % (place, KEPT_BYTES >> 20, KEPT_FILES))


class Actions:
    """perform(alert) what it asks for; errors() of what was begun and failed."""

    def __init__(self, allowing=(), state=None):
        self.allowing = dict(map(allowed, allowing))
        self.state = state
        self.failed = queue.Queue()
        self.waiting = queue.Queue(WAITING)
        self.thread = None

    def perform(self, alert):
        """{action: what became of it}"""
        return {action: self.one(action, alert) for action in alert["actions"]}

    def one(self, action, alert):
        """In words."""
        if alert.get("held"):
            return "held"
        if action not in self.allowing:
            return "not allowed"
        try:
            return self.DOING[action.partition(":")[0]](self, action, alert)
        except queue.Full:
            return "too many wait"
        except ProcessLookupError:
            return "the process is gone"
        except OSError as error:
            return "failed: %s" % error.strerror

    def errors(self):
        """[(kind, members)] since the last call."""
        found = []
        while not self.failed.empty():
            action, why = self.failed.get()
            found.append(("error", {"where": "action " + action, "message": why}))
        return found

    # --- at once ---

    def stop(self, action, alert):
        """Stop the process; SIGCONT lets it go on."""
        signalled(alert.get("process") or {}, signal.SIGSTOP)
        return "done"

    def kill(self, action, alert):
        """End the process."""
        signalled(alert.get("process") or {}, signal.SIGKILL)
        return "done"

    def notify(self, action, alert):
        """Into the host's log."""
        syslog.openlog("fim", 0, syslog.LOG_AUTHPRIV)
        syslog.syslog(syslog.LOG_ALERT, printable("%(severity)s %(rule)s: %(message)s" % alert))
        return "done"

    # --- by a thread, for they may wait for a disk or a program ---

    def begin(self, action, work):
        """Later."""
        self.waiting.put_nowait((action, work))
        if not self.thread:
            self.thread = threading.Thread(target=self.run_all, name="actions", daemon=True)
            self.thread.start()
        return "begun"

    def run_all(self):
        """For ever."""
        while True:
            action, work = self.waiting.get()
            try:
                work()
            except (OSError, subprocess.SubprocessError) as error:
                self.failed.put((action, str(error)))

    def copy(self, action, alert):
        """The file as it is now, to DIR/kept; opened at once, so that it may go."""
        if not self.state:
            return "failed: only fim run has a place for it"
        path = path_of(alert)
        file = opened(path, alert.get("file") or {})
        name = "%d-%s" % (time.time_ns() if hasattr(time, "time_ns") else time.time() * 10**9,
                          UNSAFE.sub("_", os.path.basename(path).decode("utf-8", "replace"))[:100])
        return self.begin(action, lambda: self.keep(file, name))

    def keep(self, file, name):
        """Write it; nobody else's to read."""
        place = os.path.join(self.state, "kept")
        with contextlib.suppress(FileExistsError):
            os.mkdir(place, 0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with file:
            need_room(place, os.fstat(file.fileno()).st_size)
            with os.fdopen(os.open(os.path.join(place, name), flags, 0o600), "wb") as copy:
                copy.write(file.read(LARGEST))

    def run(self, action, alert):
        """The command that the option names, with the alert on its standard input."""
        data = json.dumps(alert).encode("ascii")
        return self.begin(action, lambda: self.execute(self.allowing[action], data))

    @staticmethod
    def execute(command, data):
        """Without a shell."""
        subprocess.run([command], input=data, stdout=subprocess.DEVNULL, cwd="/", check=True,
                       stderr=subprocess.DEVNULL, env=ENVIRONMENT, timeout=RUN_SECONDS)

    DOING = {"stop": stop, "kill": kill, "copy": copy, "notify": notify, "run": run}
