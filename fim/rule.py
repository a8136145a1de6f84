"""Rules: what of the changes is asked about, and the operator's function that answers."""

import inspect
import re

from fim.change import EFFECTS, OPERATIONS

__all__ = ["EventRule", "Quiet", "Rule", "SEVERITIES", "Withhold", "Window", "seconds",
           "words"]

SEVERITIES = ("info", "low", "medium", "high", "critical")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])\Z")
NAMED = 3           # paths in a reason
ACTION = re.compile(r"(?:stop|kill|copy|notify|run:[a-z0-9_-]+)\Z")
MOST_KEYS = 10000  # of what is remembered; the oldest goes first


def actions_of(given):
    """A list of them; ValueError."""
    chosen = [given] if isinstance(given, str) else list(given)
    for word in chosen:
        if not ACTION.match(word):
            raise ValueError("action %r: one of stop, kill, copy, notify, run:NAME" % word)
    return chosen


def seconds(text):
    """"10m" as 600.0; ValueError."""
    match = DURATION.match(str(text))
    if not match:
        raise ValueError("%r: no duration such as 30s, 10m, 2h or 1d" % (text,))
    return float(match.group(1)) * UNITS[match.group(2)]


def words(given, known, what):
    """A set of `given`, one word or several; ValueError for one that is not known."""
    chosen = {given} if isinstance(given, str) else set(given)
    for word in sorted(chosen - set(known)):
        raise ValueError("%s %r: one of %s" % (what, word, ", ".join(known)))
    return chosen


class Window:
    """How often something happened lately, for rules that correlate: `add` returns it."""

    def __init__(self, span):
        self.span_ns = int(seconds(span) * 10**9)
        self.times = {}

    def add(self, key, time_ns):
        """One more of `key`: how many there are within the span."""
        kept = [time for time in self.times.pop(key, ()) if time > time_ns - self.span_ns]
        self.times[key] = kept + [time_ns]
        if len(self.times) > MOST_KEYS:
            del self.times[next(iter(self.times))]
        return len(self.times[key])


class Answering:
    """A function of the policy's, and what it is asked about."""

    def __init__(self, function, selections):
        self.function = function
        self.selections = selections
        self.name = getattr(function, "__name__", "rule")
        code = getattr(function, "__code__", None)
        self.file = code.co_filename if code else None
        self.line = code.co_firstlineno if code else None
        self.text = (inspect.getdoc(function) or self.name).splitlines()[0]


class Rule(Answering):
    """Answers for changes."""

    kind = "change"

    def __init__(self, function, selections, on, severity, tags, once_per, name=None, actions=()):
        super().__init__(function, selections)
        self.name = name or self.name
        self.wanted = words(on, EFFECTS, "on") if on else set(EFFECTS) - {"times"}
        self.severity, = words(severity, SEVERITIES, "severity")
        self.tags = [tags] if isinstance(tags, str) else list(tags)
        self.once_ns = int(seconds(once_per) * 10**9) if once_per else 0
        self.actions = actions_of(actions)
        self.told = {}  # key: [time of the last alert, how many were not told since]

    def view(self, change):
        """The change as this rule sees it, or None."""
        seen = change.seen_by(self.selections)
        return seen if seen and self.asked(seen) else None

    def asked(self, change):
        """The effects of it that this rule is about."""
        return change.effects & self.wanted

    def due(self, change):
        """How many alike were not told since the last alert; None: nor is this one. Of a
        change or a raw record."""
        if not self.once_ns:
            return 0
        key = (change.path, change.effect or change.op, change.process.exe, change.process.auid)
        last = self.told.get(key)
        if last and 0 <= change.time_ns - last[0] < self.once_ns:  # clocks are set back
            last[1] += 1
            return None
        self.told.pop(key, None)
        self.told[key] = [change.time_ns, 0]
        if len(self.told) > MOST_KEYS:
            del self.told[next(iter(self.told))]
        return last[1] if last else 0

    def plan(self):
        """What there is to say of it, as plain data."""
        return {"name": self.name, "kind": self.kind, "text": self.text, "file": self.file,
                "line": self.line, "severity": self.severity, "tags": self.tags,
                "actions": self.actions,
                "on": sorted(self.wanted), "once_per": self.once_ns / 1e9,
                "selections": [selection.as_dict() for selection in self.selections]}


class EventRule(Rule):
    """Answers for raw records."""

    kind = "event"

    def __init__(self, function, selections, ops, severity, tags, once_per, name=None, actions=()):
        super().__init__(function, selections, None, severity, tags, once_per, name, actions)
        self.wanted = words(ops, OPERATIONS, "operation") if ops else set(OPERATIONS)

    def view(self, record):
        """The record itself if it is one that is asked for."""
        names = [record.path, record.old_path, record.target_path, record.holds]
        names += record.known_paths or []
        return record if record.op in self.wanted and any(
            selection.takes(name) for selection in self.selections for name in names) else None


class Quiet(Answering):
    """Changes that are journaled and give no alert."""

    def __init__(self, selections, when, on):
        super().__init__(when, selections)
        self.wanted = words(on, EFFECTS, "on") if on else set(EFFECTS)
        self.evidence = getattr(when, "evidence", None)  # judged by who can, not here

    def covers(self, change):
        """Whether it is of this one, before `when` is asked."""
        return bool(change.effects & self.wanted) and any(
            selection.takes(change.path) for selection in self.selections)

    def plan(self):
        """As plain data."""
        return {"selections": [selection.as_dict() for selection in self.selections],
                "on": sorted(self.wanted), "when": self.name, "evidence": self.evidence}


class Withhold:
    """Who may change what unheard: a chosen blind spot, counted."""

    FIELDS = ("uid", "auid", "exe", "cgroup")
    PATHS = ("exe", "cgroup")

    def __init__(self, selections, ops, actor):
        for field in sorted(set(actor) - set(self.FIELDS)):
            raise ValueError("withhold %s: one of %s" % (field, ", ".join(self.FIELDS)))
        for field, value in sorted(actor.items()):
            if not (isinstance(value, str) and value.startswith("/") if field in self.PATHS
                    else isinstance(value, int) and 0 <= value < 1 << 32):
                raise ValueError("withhold %s=%r: %s" % (field, value, "an absolute path"
                                 if field in self.PATHS else "the number of a user"))
        self.selections = selections
        self.ops = words(ops, OPERATIONS, "operation") if ops else set(OPERATIONS)
        self.actor = dict(actor)

    @property
    def reason(self):
        """As `withheld` records have it."""
        who = " ".join("%s=%s" % item for item in sorted(self.actor.items())) or "anybody"
        paths = [selection.path for selection in self.selections]
        more = " and %d more" % (len(paths) - NAMED) if len(paths) > NAMED else ""
        return "the policy withholds %s%s of %s" % (" ".join(paths[:NAMED]), more, who)

    def covers(self, record, op):
        """Whether a record is not wanted, were it of this operation."""
        process = record.process.as_dict() if record.process else {}
        return (op in self.ops
                and any(selection.takes(record.path) for selection in self.selections)
                and all(process.get(field) == value for field, value in self.actor.items()))

    def plan(self):
        """As plain data."""
        return {"selections": [selection.as_dict() for selection in self.selections],
                "ops": sorted(self.ops), "actor": self.actor, "reason": self.reason}
