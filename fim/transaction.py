"""Package transactions: alerts on what rpm or dpkg write wait until it is done, and are then
judged by evidence: whether each file is as the package database has it. Who wrote it is none:
yum is python, scriptlets are bash."""

import base64
import fcntl
import os
import re
import struct
import threading
import time

from fim import packages

__all__ = ["Transactions"]

# While a transaction runs, its tool has a lock on one of these.
LOCKS = ("/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
# What it writes at its end, so that one which is over before it is looked for is known.
DATABASES = ("/var/lib/dpkg/status", "/var/lib/rpm/Packages", "/var/lib/rpm/rpmdb.sqlite",
             "/usr/lib/sysimage/rpm/rpmdb.sqlite")
RECENT = 3.0          # seconds
LONGEST = 15 * 60.0   # that an alert waits: nobody hides behind a lock
FLOCK = struct.Struct("hhqqi4x")  # struct flock, 64 bit
TEMPORARY = re.compile(rb"(?:\.dpkg-(?:new|tmp)|;[0-9a-f]{8})\Z")
BY_CONTENT = {"new", "content", "name", "times", "gone"}
SET_ID = 0o6000
AS_PACKAGED = "found as its package has it"


def locked(path):
    """Whether a process has a lock on it."""
    try:
        with open(path, "rb") as file:
            asked = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
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
    return os.fsencode(alert["path"] or "")


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
        self.states = {}
        self.start()

    def run(self):
        paths = sorted(set(self.paths))
        for database in self.databases or packages.in_use():
            self.states.update(database.proofs(paths))

    def outcomes(self):
        """One `transaction` record, and the alerts that it does not explain."""
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


class Transactions:
    """Alerts in, alerts out; those of a transaction later, if at all."""

    def __init__(self, databases=None, locks=LOCKS, written=DATABASES):
        self.databases = databases
        self.locks = locks
        self.written = written
        self.held = []
        self.since = None
        self.verification = None
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
        self.since = self.since or time.monotonic()
        self.held.append(alert)
        return []

    def turn(self):
        """What has waited long enough; never waits."""
        outcomes = self.packaged()
        if self.verification and not self.verification.is_alive():
            outcomes += self.verification.outcomes()
            self.verification = None
        if self.held and not self.verification and (
                not self.running() or time.monotonic() - self.since > LONGEST):
            self.verification = Verification(self.held, self.databases)
            self.held, self.since = [], None
        return outcomes

    def packaged(self):
        """How many findings were as their packages have them."""
        count, self.as_packaged = self.as_packaged, 0
        return [("withheld", {"reason": AS_PACKAGED, "count": count})] if count else []

    def finish(self):
        """What waits now, judged by what there is now."""
        outcomes = self.packaged()
        for alerts in ([self.verification.alerts] if self.verification else []) + [self.held]:
            if alerts:
                verification = Verification(alerts, self.databases)
                verification.join()
                outcomes += verification.outcomes()
        self.held, self.verification = [], None
        return outcomes
