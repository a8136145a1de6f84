"""What a log daemon of this host does with what it is sent: it writes it to its logs, and those may
be watched. Records of such writes, sent to it again, would go round for ever.

They are left out of what such a sink is sent, and counted: the journal and every other sink have
them. Whose write it is nobody can tell from outside; a daemon that has its files open gives one
record of them until it closes them, one that opens them for each message would never be done.
"""

import collections
import json

__all__ = ["Echo", "is_local"]

HOSTS = {"localhost", "127.0.0.1", "::1"}
LOGS = ("/var/log/", "/run/log/")
DAEMONS = {place + name for place in ("/usr/sbin/", "/sbin/", "/usr/lib/systemd/", "/lib/systemd/")
           for name in ("rsyslogd", "syslogd", "syslog-ng", "metalog", "systemd-journald")}
WRITES = {"modify", "close", "mmap"}  # neither names nor attributes: those are no echo
KEPT = 1024  # numbers of records whose content is told yet


def is_local(address):
    """Whether what reads there writes on this host."""
    return address.kind != "file" and (address.how == "unix" or address.host in HOSTS)


class Echo:
    """Of one sink; `count` is how many were left out."""

    def __init__(self):
        self.count = 0
        self.events = collections.deque(maxlen=KEPT)

    def without(self, lines):
        """The lines that are none."""
        if not any(place.encode("ascii") in lines for place in LOGS):
            return lines
        kept = [line for line in lines.splitlines(True) if not self.has(line)]
        self.count += lines.count(b"\n") - len(kept)
        return b"".join(kept)

    def has(self, line):
        """Whether it is one."""
        if not any(place.encode("ascii") in line for place in LOGS):
            return False
        record = json.loads(line.decode("utf-8"))
        if not str(record.get("path")).startswith(LOGS):
            return False
        if record["kind"] == "content":
            return (record["stream"], record["event"]) in self.events
        process = record.get("process") or {}
        found = (record["kind"] == "event" and record.get("op") in WRITES
                 and process.get("exe") in DAEMONS)
        if found:
            self.events.append((record["stream"], record["seq"]))
        return found
