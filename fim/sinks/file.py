"""A file that lines are appended to, opened again when it was moved away."""

import os
import stat

__all__ = ["File"]


class File:
    """Lines as they are: what is missing shows in the records' own `seq` within their `stream`."""

    window, patience = 1 << 20, 1

    def __init__(self, address, spool):
        del spool
        self.path = address.path
        self.descriptor = None
        self.kept = []

    def open(self):
        """Made with mode 0600 where it is not there."""
        self.kept = []
        self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                                  0o600)
        if self.has_half_line():
            os.write(self.descriptor, b"\n")

    def has_half_line(self):
        """Whether a full disk or a kill has left one, which would take in the next record."""
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        with open("/proc/self/fd/%d" % self.descriptor, "rb") as file:  # whatever has the name now
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"

    def send(self, number, record, body):
        """One record."""
        del number, record
        self.kept.append(body + b"\n")

    def flush(self):
        """Whole lines, in one write where the file takes it."""
        rest, self.kept = b"".join(self.kept), []
        while rest:
            rest = rest[os.write(self.descriptor, rest):]

    def check(self):
        """It tells when it is written to."""

    def prove(self):
        """As far as a write does; what is opened next is what has the name then."""
        return True

    def close(self):
        """Also when it never opened."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
