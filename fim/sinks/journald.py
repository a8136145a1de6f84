"""journald by its native protocol: a record an entry, with its number, spool and kind as fields."""

import array
import errno
import os
import socket
import struct
import tempfile

from fim.sinks.line import Head
from fim.sinks.syslog import severity

__all__ = ["Journald"]

SECONDS = 5
SHARED = "/dev/shm"  # where journald takes a file from that is not sealed


def field(name, value):
    """One field, its length told: a value can hold anything."""
    return b"%s\n%s%s\n" % (name, struct.pack("<Q", len(value)), value)


class Journald:
    """A datagram an entry; an entry too long for one is handed over as a file."""

    window, patience = 1 << 20, 1

    def __init__(self, address, spool):
        self.address = address
        self.spool = spool.encode("ascii")
        self.socket = None

    def open(self):
        """Connect to the socket of the journal."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(SECONDS)
        self.socket.connect(self.address.path)

    def send(self, number, record, body):
        """One record."""
        entry = self.entry(number, record, body)
        try:
            self.socket.send(entry)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self.send_file(entry)

    def entry(self, number, record, body):
        """The fields."""
        kind = Head(record).kind
        values = ((b"MESSAGE", body), (b"PRIORITY", b"%d" % severity(kind)),
                  (b"SYSLOG_IDENTIFIER", b"fim"), (b"SYSLOG_PID", b"%d" % os.getpid()),
                  (b"FIM_NUMBER", b"%d" % number), (b"FIM_SPOOL", self.spool),
                  (b"FIM_KIND", kind.encode("ascii", "replace")))
        return b"".join(field(name, value) for name, value in values)

    def send_file(self, entry):
        """The journal reads it from the descriptor that the datagram carries."""
        with tempfile.TemporaryFile(dir=SHARED, buffering=0) as file:
            file.write(entry)
            rights = array.array("i", [file.fileno()])
            self.socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def flush(self):
        """Nothing is kept back."""

    def check(self):
        """The journal's socket tells with the next datagram."""

    def prove(self):
        """What it took is its own; the kernel holds it while journald restarts."""
        return True

    def close(self):
        """Also when it never opened."""
        if self.socket:
            self.socket.close()
            self.socket = None
