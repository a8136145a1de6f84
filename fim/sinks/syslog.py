"""RFC 5424: one record as one message, its number in this sink in the structured data.

    <86>1 2026-11-23T04:54:31.825802Z host fim 612 event
        [fim@32473 number="7" spool="9c1d5e3f00a2b4c6"] {"v":1,...

The body is the record's own line, which has no control character in it: a name can
neither end the message nor begin another. The number is what a collector counts by;
lines that come twice after a lost connection have the number they had. Numbers are of one
spool: in another one, such as after somebody removed it, they begin anew.
"""

import os

from fim.sinks.line import Head

__all__ = ["Syslog", "severity"]

NOTICE = 5
SEVERITIES = {"alert": 1, "blind": 2, "error": 3, "gap": 3, "finding": 4, "withheld": 4,
              "reconcile": 4, "event": 6, "found": 6, "heartbeat": 6}
# 32473 is what RFC 5612 gives to those who have no enterprise number.
ELEMENT = b' [fim@32473 number="%d" spool="%s"%s]'
NIL = b"-"


def severity(kind):
    """Of a kind of record, as syslog counts them."""
    return SEVERITIES.get(kind, NOTICE)


def word(text, most):
    """PRINTUSASCII of at most so many characters, or the nil value."""
    return bytes(c for c in text.encode("ascii", "replace") if 32 < c < 127)[:most] or NIL


def moment(time):
    """A record's time as RFC 5424 takes it: microseconds at most."""
    return time[:26].rstrip("Z").encode("ascii") + b"Z" if time else NIL


class Syslog:
    """Makes messages of records."""

    def __init__(self, facility, spool):
        self.facility = facility
        self.spool = spool.encode("ascii")
        self.origin = b" %s fim %d " % (word(os.uname()[1], 255), os.getpid())

    def head(self, record, number, omitted=0):
        """All that is before the body."""
        head = Head(record)
        said = b' omitted="%d"' % omitted if omitted else b""
        return (b"<%d>1 " % (self.facility * 8 + severity(head.kind)) + moment(head.time)
                + self.origin + word(head.kind, 32) + ELEMENT % (number, self.spool, said))

    def message(self, number, record, body):
        """One message."""
        return self.head(record, number) + b" " + body

    def remark(self, number, record, body):
        """The message where no datagram can hold the body: how long it was."""
        return self.head(record, number, len(body))

    def octet_counted(self, number, record, body):
        """One message as RFC 6587 puts it in a stream."""
        message = self.message(number, record, body)
        return b"%d %s" % (len(message), message)
