"""Package transactions: alerts on what rpm or dpkg write wait until it is done, and are then
judged by evidence: whether each file is as the package database has it. Who wrote it is none:
yum is python, scriptlets are bash."""

import base64
import contextlib
import fcntl
import json
import os
import re
import struct
import threading
import time

from fim import packages
from fim.errors import FimError
from fim.kept import Kept

__all__ = ["Transactions"]

# While a transaction runs, its tool has a lock on one of these.
LOCKS = ("/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
# What it writes at its end, so that one which is over before it is looked for is known.
DATABASES = ("/var/lib/dpkg/status", "/var/lib/rpm/Packages", "/var/lib/rpm/rpmdb.sqlite",
             "/usr/lib/sysimage/rpm/rpmdb.sqlite")
RECENT = 3.0          # seconds
LONGEST = 15 * 60.0   # that an alert waits: nobody hides behind a lock
VERIFYING = 10 * 60.0  # that the package database has for all of it
LAST = 10.0           # and at the end, of systemd's thirty seconds
MOST = 10000          # alerts that wait: no more than some tens of megabytes
NAME = "transaction.jsonl"
FLOCK = struct.Struct("hhqqi4x")  # struct flock, 64 bit
TEMPORARY = re.compile(rb"(?:\.dpkg-(?:new|tmp)|;[0-9a-f]{8})\Z")
BY_CONTENT = {"new", "content", "name", "times", "gone"}
SET_ID = 0o6000
AS_PACKAGED = "found as its package has it"


def locked(path):
    """Whether a process has it for itself, as a transaction has: so who may write there alone.
    Everybody who asks the database may share the lock of rpm."""
    try:
        with open(path, "rb") as file:
            asked = FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            return FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK
    except OSError:
        return False


def recent(path, now):
    """Whether it was written to a moment ago."""
    try:
        return -RECENT < now - os.stat(path).st_mtime < RECENT
    except OSError:
        return False


def path_of(alert):
    """The file's name, bytes; none where no name is known."""
    if "path_b64" in alert:
        return base64.b64decode(alert["path_b64"])
    # As the kernel has it, whatever the locale's encoding is: this Python's may be ASCII.
    return (alert["path"] or "").encode("utf-8", "surrogateescape")


def final(path):
    """The name that it has in the end. What still has a temporary one has no other: the tool
    renames or removes its own, and nobody's program is judged by what stands beside it."""
    return path if os.path.lexists(path) else TEMPORARY.sub(b"", path)


def proven(alert, state):
    """Whether what the database says of the file explains all of the alert. dpkg knows of a
    file's content alone."""
    effects = set(alert.get("effects") or ())
    file = alert.get("file") or {}
    if state == "matches":
        return True
    if state != "content_matches" or file.get("type") not in ("file", None):
        return False
    if "new" in effects and not int(file.get("mode", "0"), 8) & SET_ID:
        effects -= {"mode", "owner"}
    return effects <= BY_CONTENT


class Verification(threading.Thread):
    """Asks the package database, which takes seconds."""

    def __init__(self, alerts, databases):
        super().__init__(daemon=True)
        self.alerts = alerts
        self.paths = [final(path_of(alert)) for alert in alerts]  # once: a file may go meanwhile
        self.databases = databases
        self.states, self.failing = {}, None
        self.over = time.monotonic() + VERIFYING
        self.start()

    def run(self):
        try:
            paths, states = sorted(set(self.paths)), {}
            for database in self.databases or packages.in_use():
                states.update(database.proofs(paths))
            self.states = states
        except FimError as error:
            self.failing = str(error).replace("fim: ", "", 1)

    def ended(self):
        """Whether it is known, or nobody waits for it any longer."""
        return not self.is_alive() or time.monotonic() > self.over

    def outcomes(self):
        """One `transaction` record, and the alerts that it does not explain: all of them where
        the package database has not answered."""
        why = "it does not answer" if self.is_alive() else self.failing
        said = unexcused(len(self.alerts), "the package database: %s" % why)
        return self.judged() + [said] * bool(why)

    def judged(self):
        """The same, by what is known."""
        wrong, mismatched, verified, names = [], set(), set(), set()
        for alert, path in zip(self.alerts, self.paths):
            package, state = self.states.get(path, (None, None))
            if proven(alert, state):
                verified.add(path)
                names.add(package)
            else:
                said = {"package": {"name": package, "state": state}} if package else {}
                wrong.append(("alert", dict(alert, **said)))
                mismatched.add(path)
        record = {"packages": sorted(names), "files": len(verified | mismatched),
                  "verified": len(verified - mismatched), "mismatched": len(mismatched)}
        return [("transaction", record)] * bool(verified) + wrong


def unexcused(count, why):
    """An `error` record: alerts that nobody could judge by evidence."""
    return "error", {"where": "packages",
                     "message": "%d alerts told that a package may explain: %s" % (count, why)}


def line_of(alert, stream):
    """As it is kept; in another stream it says whose numbers its records have."""
    if stream and "events_stream" not in alert:
        alert = dict(alert, events_stream=stream)
    return json.dumps(alert).encode("ascii") + b"\n"


def recalled(lines):
    """Alerts that waited when fim was killed, perhaps within a line."""
    for line in lines.splitlines():
        with contextlib.suppress(ValueError):
            alert = json.loads(line.decode("ascii"))
            if isinstance(alert, dict) and "path" in alert:
                yield alert


class Transactions:
    """Alerts in, alerts out; those of a transaction later, if at all. What waits is kept in the
    `state` directory: the next start tells it, should this one be killed."""

    def __init__(self, databases=None, locks=LOCKS, written=DATABASES, state=None):
        self.databases = databases
        self.locks = locks
        self.written = written
        self.stream = None    # that the records of alerts are of
        self.kept = Kept(state, NAME)
        self.unkept, self.settled = 0, False  # how many of those held; whether some are no longer
        self.held = list(recalled(self.kept.read() or b""))
        self.since = time.monotonic() if self.held else None
        self.verification = None
        self.surplus = 0      # alerts that there was no room for
        self.as_packaged = 0  # findings, since last told

    def running(self):
        """Whether a transaction is going on, or was a moment ago."""
        now = time.time()
        return any(map(locked, self.locks)) or any(recent(path, now) for path in self.written)

    def take(self, alert):
        """The alert itself, if it need not wait. A finding says what its package has."""
        if "package" in alert and proven(alert, alert["package"]["state"]):
            self.as_packaged += 1
            return []
        if not (self.held or self.running()):
            return [("alert", alert)]
        if len(self.waiting()) >= MOST:
            self.surplus += 1
            return [("alert", alert)]
        self.since = self.since or time.monotonic()
        self.held.append(alert)
        self.unkept += 1
        return []

    def waiting(self):
        """Every alert that does."""
        return (self.verification.alerts if self.verification else []) + self.held

    def turn(self):
        """What has waited long enough; never waits."""
        outcomes = self.packaged() + self.keep()
        if self.verification and self.verification.ended():
            outcomes += self.verification.outcomes()
            self.verification, self.settled = None, True
        if self.held and not self.verification and (
                not self.running() or time.monotonic() - self.since > LONGEST):
            self.verification = Verification(self.held, self.databases)
            self.held, self.since = [], None
            outcomes += self.told_at_once()
        return outcomes

    def keep(self):
        """What waits, for the next start; what was settled a turn ago is written by now."""
        settled, self.settled = self.settled, False
        waiting, unkept, self.unkept = self.waiting(), self.unkept, 0
        try:
            if settled and waiting:
                self.kept.write(b"".join(line_of(alert, self.stream) for alert in waiting))
            elif settled:
                self.kept.drop()
            elif unkept:
                self.kept.append(b"".join(line_of(alert, self.stream)
                                          for alert in waiting[-unkept:]))
        except OSError as error:
            return [("error", {"where": self.kept.path, "message": "what waits for a package "
                               "transaction is not kept: %s" % error.strerror})]
        return []

    def told_at_once(self):
        """Of the alerts that there was no room for."""
        count, self.surplus = self.surplus, 0
        return [unexcused(count, "%d wait for the end of a transaction" % MOST)] * bool(count)

    def packaged(self):
        """How many findings were as their packages have them."""
        count, self.as_packaged = self.as_packaged, 0
        return [("withheld", {"reason": AS_PACKAGED, "count": count})] if count else []

    def finish(self):
        """What waits now, judged by what there is now; in seconds, or not at all."""
        outcomes, end = self.packaged() + self.told_at_once(), time.monotonic() + LAST
        last = [self.verification] if self.verification else []
        last += [Verification(self.held, self.databases)] if self.held else []
        for verification in last:
            verification.join(max(end - time.monotonic(), 0))
            outcomes += verification.outcomes()
        self.held, self.verification = [], None
        self.kept.drop()
        return outcomes
