"""One sink: a thread that sends what its spool has, for as long as it takes."""

import random
import threading
import time

from fim.sinks.connection import Connection
from fim.sinks.datagram import Datagrams
from fim.sinks.documents import documents
from fim.sinks.echo import Echo, is_local
from fim.sinks.file import File
from fim.sinks.journald import Journald
from fim.sinks.misfits import Misfits

__all__ = ["Outlet"]

CHANNELS = {("syslog", "unix"): Datagrams, ("syslog", "udp"): Datagrams,
            ("syslog", "tcp"): Connection, ("syslog", "tls"): Connection,
            ("journald", "unix"): Journald, ("file", "file"): File}
CHUNK = 1 << 18
IDLE_SECONDS = 1
GRACE_SECONDS = 0.2  # of a thread that has nothing to send, but may be connecting
PAUSE_SECONDS, LONGEST_PAUSE = 1, 30


class Outlet:
    """Sends in order, and again what is not proven to have arrived.

    A channel opens, sends, and after `window` bytes or `patience` seconds is asked to
    prove: True or None (it cannot tell) lets the spool go on, an OSError has everything
    since the last proof sent again.
    """

    def __init__(self, address, spool):
        self.address = address
        self.spool = spool
        self.channel = CHANNELS[address.kind, address.how](address, spool.id)
        self.document = documents(address.format)
        self.echo = Echo() if is_local(address) else None
        self.misfits = Misfits()
        self.more = threading.Event()
        self.closing = threading.Event()
        self.status, self.since, self.error = "starting", time.time(), None
        self.begin = spool.oldest()  # behind what is proven
        self.sent = self.proven = self.begin.number - 1
        self.failures = self.unproven = 0
        self.thread = threading.Thread(target=self.run, name="fim-sink", daemon=True)
        self.thread.start()

    # --- the feeder's side ---

    def take(self, piece):
        """Whole lines, or how many of them are lost; returns when the spool has them."""
        if isinstance(piece, int):
            self.spool.skip(piece)
        else:
            self.append(piece)
        self.more.set()

    def append(self, lines):
        """What is no echo of what was sent before."""
        lines = self.echo.without(lines) if self.echo else lines
        if lines:
            self.spool.append(lines)

    def state(self):
        """As plain data."""
        return {"sink": self.address.text, "state": self.status, "since": self.since,
                "error": self.error, "spool": self.spool.id,
                "number": self.spool.number - 1, "sent": self.sent,
                "proven": self.proven, "spool_bytes": self.spool.bytes(),
                "dropped": self.spool.dropped, "dropped_at": self.spool.dropped_at,
                "failures": self.failures, "unproven": self.unproven,
                "misfits": self.misfits.total(), "misfits_at": self.misfits.last_at,
                "echoes": self.echo.count if self.echo else 0}

    def close(self, deadline):
        """Send what can be sent until then; the rest waits in the spool for the next start."""
        self.closing.set()
        self.more.set()
        if not self.finished():
            self.thread.join(max(0, deadline - time.monotonic()))
        self.thread.join(GRACE_SECONDS)
        if not self.thread.is_alive():
            self.spool.close()

    # --- the thread's side ---

    def run(self):
        """A thread that ends by a defect says so in the state; its spool is kept."""
        try:
            self.serve()
            self.change("stopped")
        except Exception as error:
            self.fail(error)
            raise

    def serve(self):
        """Until it is closed and nothing is left, or it failed once more: a collector that
        came back in a pause has everything."""
        pause = PAUSE_SECONDS
        while not self.finished():
            failures, last = self.failures, self.closing.is_set()
            self.turn()
            if self.failures == failures:
                pause = PAUSE_SECONDS
            elif last:
                break
            else:
                self.closing.wait(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, LONGEST_PAUSE)

    def turn(self):
        """One connection."""
        try:
            self.channel.open()
            self.change("sending")
            self.deliver()
        except OSError as error:
            self.failures += 1
            self.change("waiting", error.strerror or str(error) or type(error).__name__)
        finally:
            self.channel.close()

    def finished(self):
        """Closed, and everything proven."""
        return self.closing.is_set() and self.proven >= self.spool.end() - 1

    def fail(self, error):
        """A defect, as the state."""
        self.change("failed", "%s: %s" % (type(error).__name__, error))

    def change(self, status, error=None):
        """The state, for `fim status`."""
        if status != self.status or error:
            self.status, self.since, self.error = status, time.time(), error

    def deliver(self):
        """Everything from the last proof on, until the next."""
        place, size, begun = self.begin, 0, time.monotonic()
        while True:
            self.more.clear()
            place, lines, place_after = self.spool.read(place, CHUNK)
            self.send(place.number, lines)
            place, size = place_after, size + len(lines)
            if self.is_due(size, begun, bool(lines)):
                self.prove(place)
                return
            if not lines:
                self.channel.check()
                self.more.wait(IDLE_SECONDS)

    def send(self, number, lines):
        """A batch."""
        for line in lines.split(b"\n")[:-1]:
            body = self.body(number, line)
            if body is not None:
                self.channel.send(number, line, body)
            number += 1
        if lines:
            self.channel.flush()
            self.sent = number - 1

    def body(self, number, line):
        """What is sent of a line; None of one that cannot be mapped: it is a hole in the numbers."""
        try:
            return self.document(line)
        except Exception as error:  # whatever a mapping makes of what is no record of ours
            self.misfits.note(number, error)
            return None

    def is_due(self, size, begun, going):
        """Whether a proof is wanted now."""
        if self.closing.is_set() and not going:
            return True
        aged = time.monotonic() - begun >= self.channel.patience
        return size > 0 and (size >= self.channel.window or aged and not going)

    def prove(self, place):
        """Let go of what has arrived."""
        if self.sent != self.proven and self.channel.prove() is None:
            self.unproven += 1
        self.begin, self.proven = place, place.number - 1
        self.spool.discard(place)
