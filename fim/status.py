"""What `fim run` leaves for `fim status` to read, and what to make of it."""

import fcntl
import json
import os
import resource
import time

from fim.cost import kernel_seconds
from fim.errors import FimError

__all__ = ["BLIND", "DEGRADED", "NOT_RUNNING", "NOT_WHOLE", "WELL", "Status", "judge", "lock",
           "read"]

WELL, DEGRADED, BLIND, NOT_RUNNING = range(4)
NAME, LOCK = "status.json", "lock"
STALE_SECONDS = 60
LOCK_SECONDS, LOOK_SECONDS = 1.0, 0.02  # `fim status` has the lock for a moment
LOSS_SECONDS = 3600  # so long a loss leaves it degraded
NOT_WHOLE = ("degraded", "not_seen")
NOT_SENDING = ("waiting", "failed")
NEEDED = {"time", "blind", "coverage", "journal_failing", "journal_lost"}
SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


def lock(state):
    """A descriptor that says that fim runs there; None if another one does."""
    descriptor = os.open(os.path.join(state, LOCK), os.O_RDWR | os.O_CREAT | SAFE, 0o600)
    end = time.monotonic() + LOCK_SECONDS
    while not take(descriptor):
        if time.monotonic() > end:
            os.close(descriptor)
            return None
        time.sleep(LOOK_SECONDS)
    return descriptor


def take(descriptor):
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_running(state):
    """Whether somebody has the lock."""
    try:
        descriptor = os.open(os.path.join(state, LOCK), os.O_RDONLY | SAFE)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Status:
    """Notes how a daemon does, in its state directory."""

    def __init__(self, directory):
        self.directory = directory  # a descriptor
        self.started = time.time()
        self.events, self.noted = 0, time.monotonic()

    def rate(self, counts):
        """Events a second since the last note."""
        events, now = counts.get("events", 0), time.monotonic()
        rate = max(events - self.events, 0) / max(now - self.noted, 0.001)
        self.events, self.noted = events, now
        return round(rate, 1)

    def members(self, daemon):
        """All that is said."""
        usage, counts = resource.getrusage(resource.RUSAGE_SELF), daemon.counts()
        return {
            "time": time.time(), "pid": os.getpid(), "started": self.started,
            "blind": daemon.blind,
            "coverage": daemon.monitor.coverage if daemon.monitor else {},
            "paths": daemon.monitor.roots if daemon.monitor else [],
            "blind_spots": daemon.monitor.spots.counts() if daemon.monitor else {},
            "counts": counts, "events_per_second": self.rate(counts),
            "journal": daemon.head(), "journal_failing": daemon.spool.failing,
            "journal_lost": daemon.troubles.lost, "journal_waiting_bytes": daemon.spool.waiting,
            "comparison_failing": daemon.comparison.failing,
            "policy_refused": daemon.guard.refused if daemon.guard else None,
            "contents_waiting": len(daemon.contents.waiting) if daemon.contents else 0,
            "sinks": [state for sink in daemon.sinks for state in sink.state()],
            "user_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "kernel_seconds": kernel_seconds(daemon.programs()),
            "memory_kib": usage.ru_maxrss,
        }

    def note(self, daemon):
        """Have it written beside the journal: the disk may be slow."""
        data = json.dumps(self.members(daemon)).encode("ascii")
        daemon.spool.asides[NAME] = lambda: self.write(data)

    def write(self, data):
        """By rename, so that nobody reads half of it."""
        new = NAME + ".new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE
        descriptor = os.open(new, flags, 0o600, dir_fd=self.directory)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.rename(new, NAME, src_dir_fd=self.directory, dst_dir_fd=self.directory)


def read(state):
    """What was noted last, {} for nothing; and whether fim runs."""
    path = os.path.join(state, NAME)
    try:
        running = is_running(state)
        with open(path, encoding="ascii") as file:
            members = json.load(file)
    except FileNotFoundError:
        return {}, running
    except (OSError, ValueError) as error:
        raise FimError("fim: %s: %s" % (getattr(error, "filename", None) or path,
                                        getattr(error, "strerror", None) or error))
    if not (isinstance(members, dict) and NEEDED <= set(members)):
        raise FimError("fim: %s: not what fim run writes" % path)
    return members, running


def complaints(members, now):
    """(kind, what is not as it should be)"""
    if members["blind"]:
        yield BLIND, "blind since %(since)s: %(reason)s" % members["blind"]
    for operation, row in sorted(members["coverage"].items()):
        states = sorted({cell["state"] for cell in row.values()} & set(NOT_WHOLE))
        if states:
            yield DEGRADED, "%s: %s" % (operation, ", ".join(states))
    if members["journal_failing"]:
        yield DEGRADED, "the journal cannot be written: %s" % members["journal_failing"]
    if members["journal_lost"] and now - members["journal_lost"] < LOSS_SECONDS:
        yield DEGRADED, "records were lost within the last hour"
    if members.get("comparison_failing"):
        yield DEGRADED, "the comparison with the baseline failed: %(comparison_failing)s" % members
    if members.get("policy_refused"):
        yield DEGRADED, "the policy is not in force: %(policy_refused)s" % members
    for sink in members.get("sinks", ()):
        for text in sink_complaints(sink, now):
            yield DEGRADED, text
    if now - members["time"] > STALE_SECONDS:
        yield DEGRADED, "nothing was said for %d s" % (now - members["time"])


def sink_complaints(sink, now):
    """What of one sink is not as it should be; an older fim noted less of it."""
    if sink["error"] and sink["state"] in NOT_SENDING:
        yield "sink %(sink)s: %(state)s: %(error)s" % sink
    if sink.get("dropped_at") is not None and now - sink["dropped_at"] < LOSS_SECONDS:
        yield "sink %(sink)s: %(dropped)d records dropped, the last within the last hour" % sink
    if sink.get("misfits_at") is not None and now - sink["misfits_at"] < LOSS_SECONDS:
        yield "sink %(sink)s: no document of %(misfits)d records, the last within the last hour" % sink


def judge(members, running, now):
    """(exit status, [what is not as it should be])"""
    if not running:
        return NOT_RUNNING, ["not running"]
    if not members:
        return BLIND, ["starting"]
    found = list(complaints(members, now))
    return max([kind for kind, _ in found], default=WELL), [text for _, text in found]
