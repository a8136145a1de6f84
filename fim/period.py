"""What a journal and the state file tell of a time: the figures of `fim report`."""

import collections

from fim import spans
from fim.presence import Presence, seconds_of

__all__ = ["Period"]

NO_CHANGES = ("open", "close", "mmap")  # what they bring is told beside them
SEVERITIES = ("critical", "high", "medium", "low", "info")
GAP = ("since", "until", "lost", "reason", "checked", "changed", "undecided")
COURSE = 120  # so many parts of the time, for the course of changes and alerts
CHECK = ("id", "mode", "started", "ended", "checked", "new", "removed", "changed", "moved",
         "unreadable")
SUMMARY = ("host", "since", "until", "hours", "monitored_hours", "unseen_hours", "unseen_periods",
           "gaps", "records_lost", "gaps_open", "comparisons", "differences", "changes",
           "failed_attempts", "alerts", "alerts_held", "withheld", "errors")


class File:
    """What befell one path."""

    def __init__(self):
        self.changes, self.last, self.by = 0, None, None


class Period:
    """Takes records in their order, also those before and after: they tell whether it saw then.

    Times are seconds since 1970.
    """

    def __init__(self, since, until, accepts=(), checks=()):
        self.since, self.until = since, until
        self.presence = Presence()
        self.host = None
        self.counts = collections.Counter()
        self.operations = collections.Counter()
        self.actors = collections.Counter()
        self.files = collections.defaultdict(File)
        self.course = {"changes": [0] * COURSE, "alerts": [0] * COURSE}
        self.gaps = collections.OrderedDict()  # {(stream, seq): members}
        self.rules = {}
        self.checks = {record["id"]: record for record in checks if self.covers(record["ended"])}
        self.accepts = [record for record in accepts if self.covers(record["time"])]
        self.takes = {name[5:]: getattr(self, name) for name in dir(self)
                      if name.startswith("take_")}

    def covers(self, text):
        """Whether a time as records have it is within."""
        return self.since <= seconds_of(text) < self.until

    def take(self, record):
        """One."""
        if "host" not in record:
            return  # a line of the journal's own
        at = seconds_of(record["time"])
        self.presence.take(record, at)
        if self.since <= at < self.until:
            self.host = record["host"]["name"]
            self.takes.get(record["kind"], lambda *_: None)(record, at)

    def count(self, name, at):
        """One more, at that time."""
        part = int((at - self.since) / (self.until - self.since) * COURSE)
        self.course[name][min(part, COURSE - 1)] += 1

    # --- one kind each ---

    def take_event(self, record, at):
        """A change, or an attempt."""
        if record["result"] == "failure":
            self.counts["failed_attempts"] += 1
            return
        if record["op"] in NO_CHANGES:
            return
        process = record["process"]
        by = (process["user"] or str(process["uid"]), process["login_user"],
              process["exe"] or process["comm"])
        self.operations[record["op"]] += 1
        self.actors[by] += 1
        self.count("changes", at)
        file = self.files[record["path"] or (record.get("known_paths") or ["?"])[0]]
        file.changes += 1
        file.last, file.by = record["time"], by

    def take_gap(self, record, at):
        """A hole, until it is closed."""
        del at
        self.gaps[record["stream"], record["seq"]] = dict.fromkeys(GAP)
        self.gaps[record["stream"], record["seq"]].update(
            {name: record[name] for name in GAP[:4]})

    def take_gap_closed(self, record, at):
        """What its sweep came to."""
        del at
        found = self.gaps.get((record["stream"], record["gap"]))
        if found:
            found.update({name: record[name] for name in GAP[4:]})

    def take_check(self, record, at):
        """A comparison."""
        del at
        self.checks.setdefault(record["id"], record)

    def take_alert(self, record, at):
        """Of a rule."""
        rule = self.rules.setdefault(record["rule"], {
            "rule": record["rule"], "severity": record["severity"], "alerts": 0, "held": 0,
            "last": None})
        rule["alerts"] += 1
        rule["held"] += bool(record.get("held"))
        rule["last"] = record["time"]
        self.count("alerts", at)

    def take_withheld(self, record, at):
        """What was seen and is not told."""
        del at
        self.counts["withheld"] += record.get("count") or 1

    def take_error(self, record, at):
        """Something that did not work."""
        del record, at
        self.counts["errors"] += 1

    # --- what it comes to ---

    def summary(self):
        """{name of SUMMARY: value}"""
        seen, unseen = self.presence.periods(self.since, self.until)
        whole, gaps = self.until - self.since, self.gaps.values()
        seen_hours = spans.length(seen) / 3600
        values = (self.host, self.since, self.until, whole / 3600, seen_hours,
                  whole / 3600 - seen_hours, len(unseen), len(gaps),
                  sum(gap["lost"] or 0 for gap in gaps),
                  sum(gap["checked"] is None for gap in gaps), len(self.checks),
                  sum(check[name] for check in self.checks.values()
                      for name in ("new", "removed", "changed", "moved")),
                  sum(self.operations.values()), self.counts["failed_attempts"],
                  sum(self.course["alerts"]), sum(rule["held"] for rule in self.rules.values()),
                  self.counts["withheld"], self.counts["errors"])
        return dict(zip(SUMMARY, values))

    def accepted(self, path, file):
        """By whom the path was accepted since it changed last, None by nobody."""
        for record in reversed(self.accepts):
            if path in record["paths"] and record["time"] >= file.last:
                return record["by"]
        return None

    def most_changed(self, top):
        """Rows of files."""
        order = sorted(self.files.items(), key=lambda item: (-item[1].changes, item[0]))
        return [{"path": path, "changes": file.changes, "last": file.last, "user": file.by[0],
                 "login": file.by[1], "program": file.by[2], "accepted": self.accepted(path, file)}
                for path, file in order[:top]]

    def tables(self, top):
        """{name: [row]}, in the order of a report; of files and actors so many."""
        unseen = self.presence.periods(self.since, self.until)[1]
        rules = sorted(self.rules.values(),
                       key=lambda rule: (SEVERITIES.index(rule["severity"]), rule["rule"]))
        return collections.OrderedDict([
            ("unseen", [dict(one._asdict(), hours=(one.until - one.since) / 3600)
                        for one in unseen]),
            ("gaps", list(self.gaps.values())),
            ("comparisons", [{name: check[name] for name in CHECK} for check in sorted(
                self.checks.values(), key=lambda check: check["started"])]),
            ("accepted", [{"time": record["time"], "by": record["by"], "check": record["check"],
                           "names": len(record["paths"]), "reason": record["reason"]}
                          for record in self.accepts]),
            ("alerts", rules),
            ("changes", [{"operation": op, "changes": count}
                         for op, count in self.operations.most_common()]),
            ("files", self.most_changed(top)),
            ("actors", [dict(zip(("user", "login", "program"), by), changes=count)
                        for by, count in self.actors.most_common(top)])])
