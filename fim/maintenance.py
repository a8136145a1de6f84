"""Maintenance: a time somebody declared, with a reason, in which alerts are expected. They are
written as ever, marked as held, and listed at its end."""

import collections
import contextlib
import json
import os
import pwd
import time

from fim.errors import FimError, UsageError
from fim.facts import time_text
from fim.kept import Kept

__all__ = ["Maintenance", "begin", "current", "end"]

NAME = "maintenance.json"
HELD_NAME = "maintenance-held.json"
SAID = ("by", "reason", "since", "until")
LISTED = ("rule", "path", "path_b64")  # of an alert, beside its records
LISTED_BYTES = 32 << 10  # of all of them: an upgrade gives thousands, and a record is one line
LISTED_EVENTS = 16


def text_of(seconds):
    """A time as records have it."""
    return time_text(int(seconds * 10**6) * 1000)


def who():
    """Who does this, by login where it is known."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        with open("/proc/self/loginuid") as file:
            return pwd.getpwuid(int(file.read())).pw_name
    return str(os.getuid()) if os.getuid() else "root"


def begin(state, seconds, reason):
    """From now on, for so long."""
    if current(state):
        raise UsageError("fim: there is maintenance already: fim maintenance end")
    now = time.time()
    members = {"by": who(), "reason": reason, "since": text_of(now), "until": text_of(now + seconds),
               "ends": now + seconds}
    path = os.path.join(state, NAME)
    try:
        descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW,
                             0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(members, file)
        os.rename(path + ".new", path)
    except OSError as error:
        raise FimError("fim: %s: %s" % (path, error.strerror))
    return members


def end(state):
    """No longer."""
    path = os.path.join(state, NAME)
    try:
        os.unlink(path)
    except FileNotFoundError:
        raise UsageError("fim: there is no maintenance")
    except OSError as error:
        raise FimError("fim: %s: %s" % (path, error.strerror))


def current(state):
    """What was declared and is not over, or None. Only what root, or who runs this, wrote."""
    try:
        with open(os.path.join(state, NAME), encoding="utf-8") as file:
            members = json.load(file)
            trusted = os.fstat(file.fileno()).st_uid in (0, os.geteuid())
        lasts = members["ends"] > time.time() and all(name in members for name in SAID)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return members if trusted and lasts else None


class Held:
    """The alerts of one maintenance: how many by rule, and the first of them."""

    def __init__(self, counts=(), alerts=()):
        self.counts = collections.Counter(dict(counts))
        self.alerts = list(alerts)
        self.room = LISTED_BYTES - sum(len(json.dumps(alert)) for alert in self.alerts)

    def add(self, alert):
        """One more; listed while there is room."""
        self.counts[alert["rule"]] += 1
        listed = {key: alert[key] for key in LISTED if key in alert}
        listed["events"] = alert["events"][:LISTED_EVENTS]
        self.room -= len(json.dumps(listed))
        if self.room >= 0:
            self.alerts.append(listed)

    def members(self):
        """As the record has them."""
        return {"held": dict(self.counts), "alerts": list(self.alerts),
                "not_listed": sum(self.counts.values()) - len(self.alerts)}


class Maintenance:
    """Marks alerts while it lasts, and says when it begins and ends. What it holds is kept for the
    next start: an upgrade may well end with a reboot, and its end is told all the same."""

    def __init__(self, state):
        self.state = state
        self.kept = Kept(state, HELD_NAME)
        self.now, self.held = self.before()
        self.fresh = False  # whether more is held than is kept

    def before(self):
        """The one that was going on when fim ended, and what it held."""
        try:
            kept = json.loads(self.kept.read().decode("ascii"))
            now, held = kept["now"], Held(kept["held"], kept["alerts"])
            return ({name: now[name] for name in SAID + ("ends",)}, held)
        except (AttributeError, ValueError, KeyError, TypeError):
            return None, Held()

    def turn(self):
        """[(kind, members)] of what is to be said of it."""
        now = current(self.state) if self.state else None
        if now == self.now:
            return self.keep()
        outcomes = [self.record("end")] if self.now else []
        self.now = now
        self.held, self.fresh = Held(), True
        return outcomes + ([self.record("begin")] if now else []) + self.keep()

    def keep(self):
        """What it holds, where that is more than a turn ago; an `error` where it cannot be."""
        fresh, self.fresh = self.fresh, False
        try:
            if fresh and self.now:
                self.kept.write(json.dumps(dict(self.held.members(), now=self.now)).encode("ascii"))
            elif fresh:
                self.kept.drop()
        except OSError as error:
            return [("error", {"where": self.kept.path, "message": "what maintenance holds is not "
                               "kept: %s" % error.strerror})]
        return []

    def record(self, state):
        """A `maintenance` record."""
        members = {key: self.now[key] for key in SAID}
        return "maintenance", dict(members, state=state, **self.held.members())

    def mark(self, alert):
        """The alert, as it is written now."""
        if not self.now:
            return alert
        self.held.add(alert)
        self.fresh = True
        return dict(alert, held="maintenance")
