"""The guard: what a monitor needs of policies, in one object.

    guard = Guard(["/etc/fim/policy.d"], state="/var/lib/fim")     PolicyError, when refused
    monitor = Monitor(*guard.paths(), exclude=guard.excludes(), labels=guard.labels())
    while ...:
        for kind, members in guard.turn(lines):   whole JSON lines of the stream, bytes, or b""
            emit(kind, members)                   alert, error, withheld, transaction,
                                                  maintenance, policy
    for kind, members in guard.finish(lines): ...

turn() never waits; call it at least every second, so that what waits for time gets it. What it
gives back is written to the same stream and may be handed over again with it: only what was
seen of files is judged. Where `digests` are taken (fim/content.py), changes of what a policy asks
the content of wait for their `content` record, fim/evidence.py says how long; elsewhere they are
judged at once, without.
"""

import contextlib
import glob
import os
import re
import time

from fim import policy_file
from fim.actions import Actions
from fim.errors import PolicyError
from fim.maintenance import Maintenance
from fim.once import Once
from fim.transaction import Transactions
from fim.worker import Worker

__all__ = ["Guard", "exclude_patterns"]

LOOK = 2.0  # seconds between looks at the policy files
GROW = 10.0  # and at what there is of patterns: /home may be large
STREAM = re.compile(rb'"stream": ?"([0-9a-f]{32})"')


def exclude_patterns(plans):
    """Of all watches: a name's pattern applies below its own watch alone, unless all have it."""
    watches = [watch for plan in plans for watch in plan["watches"]]
    everywhere = [pattern for pattern in (watches[0]["exclude"] if watches else [])
                  if all(pattern in watch["exclude"] for watch in watches)]
    found = list(everywhere)
    for watch in watches:
        for pattern in watch["exclude"]:
            if pattern not in everywhere:
                found.append(pattern if "/" in pattern
                             else watch["path"].rstrip("/") + "/*" + "/" + pattern)
                if "/" not in pattern:
                    found.append(watch["path"].rstrip("/") + "/" + pattern)
    return list(dict.fromkeys(found))


def there_is(name):
    """What there is of a watched path here. A last name without a pattern may be yet to come:
    of /home/*/.ssh each home is looked at."""
    top, last = os.path.split(name)
    if not glob.has_magic(name):
        return [name]
    if glob.has_magic(last):
        return sorted(glob.glob(name))
    return [os.path.join(place, last) for place in sorted(glob.glob(top)) if os.path.isdir(place)]


class Guard:
    """Policies, at work for one stream. `plans` is what they declare (Policy.plan); `refused`
    why what is at `places` is not in force, None: it is."""

    def __init__(self, places=(), state=None, patience=None, allowing=(), digests=False,
                 instead=()):
        """PolicyError: they are refused. `instead`: (why they were, the files that are in force
        until there are others; without any nothing is judged)"""
        self.places, self.state = places, state
        self.refused, files = instead or (None, policy_file.read(places))
        self.files = self.readable() if instead else files
        self.worker = Worker(files, fit=self.here, digests=digests,
                             **({"patience": patience} if patience else {}))
        if instead:
            self.begin_refused()
        self.transactions = Transactions(state=state)
        self.once = Once()
        self.maintenance = Maintenance(state)
        self.actions = Actions(allowing, state)
        self.absent = []  # watched paths in directories that this host does not have
        self.looked = self.counted = time.monotonic()
        self.watched = set()
        self.wanted = False  # to load the policies again, changed or not

    def readable(self):
        """The files at the places, None where they cannot be read."""
        with contextlib.suppress(PolicyError):
            return policy_file.read(self.places)
        return None

    def begin_refused(self):
        """Say what is in force, and why nothing else."""
        if not self.worker.files:
            del self.worker.outcomes[:]  # nothing was loaded
        self.worker.error("refused at the start, %s: %s" % (
            "those of before are in force" if self.worker.files else "nothing is judged",
            self.refused))
        self.worker.outcomes.append(("policy", {"digest": self.worker.digest(),
                                                "state": "refused"}))

    @property
    def plans(self):
        """What the policies declare."""
        return self.worker.plans

    def here(self, plans):
        """(what to watch here, what there is no directory for); PolicyError: nothing is here."""
        named = dict.fromkeys(watch["path"] for plan in plans for watch in plan["watches"])
        found = [path for name in named for path in there_is(name)]
        here = [path for path in found if os.path.isdir(os.path.dirname(path))]
        if not here and plans:
            files = self.files or self.worker.files
            raise PolicyError("fim: %s: it watches nothing that is here"
                              % ", ".join(file.path for file in files))
        return here, [path for path in found if path not in here]

    def paths(self):
        """What to watch here; patterns as what there is of them now."""
        paths, self.absent = self.here(self.plans)
        self.watched = set(paths)
        return paths

    def newly(self):
        """What there is more to watch than paths() said last: a home made since then."""
        if time.monotonic() - self.counted < GROW or not any(
                glob.has_magic(watch["path"]) for plan in self.plans for watch in plan["watches"]):
            return []
        self.counted, before = time.monotonic(), self.watched
        with contextlib.suppress(PolicyError):
            return [path for path in self.paths() if path not in before]
        return []

    def growing(self):
        """Patterns of what may be added to at the end: the watches that say so, and below."""
        named = [watch["path"] for plan in self.plans for watch in plan["watches"]
                 if watch["growing"]]
        return [pattern for path in named for pattern in (path, path.rstrip("/") + "/*")]

    def excludes(self):
        """Patterns as those of fim watch."""
        return exclude_patterns(self.plans)

    def labels(self):
        """For every record."""
        return {name: text for plan in self.plans for name, text in plan["labels"].items()}

    def turn(self, lines=b"", of=""):
        """Hand lines over; what to write because of these or earlier ones. `of`: by whom they
        are numbered, if not by the stream."""
        self.note_stream(b"" if of else lines)
        outcomes = self.maintenance.turn() + self.look() + self.actions.errors()
        judged = self.worker.turn(lines, of)
        return outcomes + self.settled(judged) + self.marked(
            self.transactions.turn()) + self.keep(judged)

    def keep(self, outcomes):
        """Whether what is at the places is in force; what came into force is kept."""
        errors = [members["message"] for kind, members in outcomes
                  if kind == "error" and members["where"] == "policy"]
        states = [members["state"] for kind, members in outcomes if kind == "policy"]
        if states:
            self.refused = errors[-1] if states[-1] == "refused" and errors else None
        return self.keep_files() if "loaded" in states else []

    def keep_files(self):
        """Those in force, for a start at which others are refused."""
        try:
            if self.state and self.worker.files:
                policy_file.keep(self.state, self.worker.files)
        except OSError as error:
            return [("error", {"where": "policy", "message": "not kept for another start: %s"
                               % error.strerror})]
        return []

    def note_stream(self, lines):
        """Whose numbers the records of its alerts have."""
        match = STREAM.search(lines)
        if match:
            self.transactions.stream = match.group(1).decode("ascii")

    def finish(self, lines=b""):
        """The same, waited for, for nothing more comes."""
        judged = self.worker.turn(lines) + self.worker.finish()
        said = self.settled(judged) + self.marked(self.transactions.finish())
        return said + self.once.untold() + self.maintenance.keep()

    def settled(self, outcomes):
        """Alerts that are to be judged by evidence wait for it."""
        passed = []
        for kind, members in outcomes:
            evidence = members.pop("unless", ()) if kind == "alert" else ()
            passed += self.transactions.take(members) if "package" in evidence else [
                (kind, members)]
        return self.marked(passed)

    def marked(self, outcomes):
        """As they are written now."""
        return [(kind, self.acted(self.maintenance.mark(due)) if kind == "alert" else due)
                for kind, members in outcomes
                for due in (self.once.due(members) if kind == "alert" else [members])]

    def acted(self, alert):
        """What it asks for is done, or not."""
        return dict(alert, actions=self.actions.perform(alert)) if "actions" in alert else alert

    def look(self):
        """Load policy files that changed; [(kind, members)] where they cannot be read."""
        if time.monotonic() - self.looked < LOOK and not self.wanted:
            return []
        wanted, self.wanted = self.wanted, False
        return self.reload(wanted)

    def want(self, *unused):
        """Load them with the next turn: as the handler of a signal, too."""
        self.wanted = True

    def reload(self, unchanged=True):
        """Begin to load the files again, also unchanged ones; those in force stay until then."""
        self.looked = time.monotonic()
        try:
            files = policy_file.read(self.places)
        except PolicyError as error:
            refused, self.files = self.files is not None, None
            said = "refused, the one before stays: " + str(error).replace("fim: ", "", 1)
            self.refused = said if refused else self.refused
            return [("error", {"where": "policy", "message": said})] if refused else []
        if files != self.files or unchanged:
            self.files = files
            self.worker.reload(files)
        return []

    def close(self):
        """End the worker."""
        self.worker.close()
