"""TCP and TLS, and how a sender learns there that everything was read.

Syslog over TCP has no acknowledgement: what a collector that dies had not read yet
is lost, though the sender's writes succeeded. But one that reads to the end of the
stream answers our end with its own, and with a reset where it left something unread.
So now and then we end our side and wait for that: only then the spool lets go. After
any other end everything since the last such proof is sent again, with its numbers.
"""

import select
import socket
import ssl
import time

from fim.sinks.syslog import Syslog

__all__ = ["Connection"]

CONNECT_SECONDS = 10
SECONDS = 30        # without progress, or an answer to what was sent
PROOF_SECONDS = 10
CHUNK = 1 << 16


class Connection:
    """One stream of octet-counted messages at a time."""

    window, patience = 4 << 20, 600

    def __init__(self, address, spool):
        self.address = address
        self.syslog = Syslog(address.facility, spool)
        self.context = tls_context(address.options) if address.how == "tls" else None
        self.socket = None
        self.kept = []
        self.size = 0

    def open(self):
        """Connect, and have a dead link noticed."""
        self.kept, self.size = [], 0
        self.socket = socket.create_connection((self.address.host, self.address.port),
                                               CONNECT_SECONDS)
        for level, option, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SECONDS),
                                     (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SECONDS * 1000)):
            self.socket.setsockopt(level, option, value)
        if self.context:
            self.begin_tls(self.address.options.get("name", self.address.host))
        self.socket.settimeout(SECONDS)

    def begin_tls(self, name):
        """With who proves to be `name`; a certificate can be put right while we try again."""
        try:
            self.socket = self.context.wrap_socket(self.socket, server_hostname=name)
        except ssl.CertificateError as error:  # before Python 3.7 no OSError
            raise ConnectionError(str(error))

    def send(self, number, record, body):
        """One record, with others in one write."""
        message = self.syslog.octet_counted(number, record, body)
        self.kept.append(message)
        self.size += len(message)
        if self.size >= CHUNK:
            self.flush()

    def flush(self):
        """Write what was gathered."""
        if self.kept:
            messages, self.kept, self.size = b"".join(self.kept), [], 0
            self.socket.sendall(messages)

    def check(self):
        """The other side has not ended; what it says is nothing to us."""
        waits = select.poll()  # select() takes no descriptor beyond 1,023
        waits.register(self.socket, select.POLLIN)
        if not waits.poll(0):
            return
        self.socket.settimeout(0)
        try:
            if not self.socket.recv(CHUNK):
                raise ConnectionAbortedError("the collector closed the connection")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        self.socket.settimeout(SECONDS)

    def prove(self):
        """Whether everything was read; None where the collector does not say."""
        self.socket.settimeout(PROOF_SECONDS)
        try:
            if self.context:
                self.end_tls()
            self.socket.shutdown(socket.SHUT_WR)
            return self.ended()
        except socket.timeout:
            return None

    def end_tls(self):
        """Say within TLS that this is the end; some answer with the end of TCP alone."""
        try:
            self.socket = self.socket.unwrap()
        except ConnectionError:
            raise
        except (ssl.SSLError, OSError) as error:
            if isinstance(error, socket.timeout):
                raise
            self.socket = socket.socket(fileno=self.socket.detach())
            self.socket.settimeout(PROOF_SECONDS)

    def ended(self):
        """Read until the other side's end; a reset is an exception."""
        deadline = time.monotonic() + PROOF_SECONDS
        while time.monotonic() < deadline:
            if not self.socket.recv(CHUNK):
                return True
        return None

    def close(self):
        """Also when it never opened."""
        if self.socket:
            self.socket.close()
            self.socket = None


def tls_context(options):
    """The collector must prove who it is; we too, with `cert` and `key`."""
    context = ssl.create_default_context(cafile=options.get("ca"))
    if "cert" in options:
        context.load_cert_chain(options["cert"], options.get("key"))
    return context
