"""A record a datagram: the local syslog socket, and UDP."""

import errno
import socket

from fim.sinks.syslog import Syslog

__all__ = ["Datagrams"]

SECONDS = 5  # a local socket whose reader is stuck takes no more


class Datagrams:
    """Sent is all that can be known here: the numbers show the collector what is missing."""

    window, patience = 1 << 20, 1

    def __init__(self, address, spool):
        self.address = address
        self.syslog = Syslog(address.facility, spool)
        self.socket = None

    def open(self):
        """A connected socket, so that a port where nobody listens is told."""
        if self.address.how == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            place = self.address.path
        else:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.address.host, self.address.port, type=socket.SOCK_DGRAM)[0]
            self.socket = socket.socket(family, kind, protocol)
        self.socket.settimeout(SECONDS)
        self.socket.connect(place)

    def send(self, number, record, body):
        """One record."""
        try:
            self.socket.send(self.syslog.message(number, record, body))
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self.socket.send(self.syslog.remark(number, record, body))

    def flush(self):
        """Nothing is kept back."""

    def check(self):
        """An error that came after the sending."""
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, "not delivered")

    def prove(self):
        """As far as it goes."""
        self.check()
        return True

    def close(self):
        """Also when it never opened."""
        if self.socket:
            self.socket.close()
            self.socket = None
