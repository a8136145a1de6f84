"""The policies between a monitor and where its lines go."""

import json

from fim.errors import FimError
from fim.report import printable

__all__ = ["Judged", "alert_line", "text_of"]

QUIET = ("event", "coverage", "found")  # kinds that the text of a judged stream leaves out
SHOWN_APART = {"v", "kind", "seq", "stream", "time", "host", "labels"}


def alert_line(members):
    """An alert for people."""
    held = " [held: %s]" % members["held"] if members.get("held") else ""
    process = members.get("process") or {}
    by = "  by %s %s[%s]" % (process.get("user"), process.get("exe"), process.get("pid")) if (
        process) else ""
    acts = "".join(" [%s: %s]" % item for item in sorted(members.get("actions", {}).items()))
    check = " of check %s" % members["check"] if members.get("check") else ""
    return "ALERT %s %s: %s  (%s of %s, records %s%s)%s%s%s" % (
        members["severity"], members["rule"], members["message"],
        members.get("effect") or members.get("op"), members["path"],
        ",".join(map(str, members["events"])), check, by, held, acts)


def maintenance_line(members):
    """A maintenance for people: at its end what it held."""
    listed = ["%s of %s (records %s)" % (alert["rule"], alert["path"],
                                         ",".join(map(str, alert["events"])))
              for alert in members.get("alerts", ())]
    listed += ["%d more" % members["not_listed"]] if members.get("not_listed") else []
    return "maintenance %(state)s by %(by)s, %(since)s to %(until)s: %(reason)s" % members + (
        "; held: " + "; ".join(listed) if listed else "")


LINES = {"alert": alert_line, "maintenance": maintenance_line}


def text_of(kind, members):
    """Any record for people."""
    if kind in LINES:
        return LINES[kind](members)
    return "%s %s" % (kind, " ".join("%s=%s" % item for item in sorted(members.items())
                                     if item[0] not in SHOWN_APART))


class Judged:
    """Writes what a monitor says, and has the policies (a fim.guard.Guard, or None) judge it."""

    def __init__(self, monitor, guard, write, text):
        self.monitor = monitor
        self.guard = guard
        self.sink = write
        self.text = text

    def write(self, lines):
        """Lines of the monitor; what the policies say of them comes with the next."""
        self.put(lines)
        if self.guard:
            self.emit(self.guard.turn(lines))
            self.extend(self.guard.newly())

    def finish(self, lines):
        """The last lines, before the record that ends the stream."""
        if self.guard:
            self.emit(self.guard.finish(lines))

    def emit(self, outcomes):
        """Into the stream."""
        for kind, members in outcomes:
            if kind == "policy" and members["state"] == "loaded":
                self.extend(self.trying(self.guard.paths))
                self.monitor.spots.keep(self.guard.plans)
            self.monitor.emit(kind, members, text_of(kind, members))

    def extend(self, paths):
        """Watch what the policies name now. What cannot be watched is said: it ends nothing."""
        for path in paths or ():
            self.trying(self.monitor.extend, [path], self.guard.excludes())

    def trying(self, act, *arguments):
        """What act() returns; None, and an `error` record, where it cannot be."""
        try:
            return act(*arguments)
        except FimError as error:
            members = {"where": "policy", "message": str(error).replace("fim: ", "", 1)}
            self.monitor.emit("error", members, text_of("error", members))

    def put(self, lines):
        """To the sink; for people without what is only evidence."""
        if self.guard and self.text:
            records = [json.loads(line.decode("utf-8")) for line in lines.splitlines()]
            lines = "".join("%s %s\n" % (record["time"], printable(text_of(record["kind"], record)))
                            for record in records if record["kind"] not in QUIET).encode("utf-8")
        self.sink(lines)
