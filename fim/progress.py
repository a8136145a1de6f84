"""How far a survey is, on a terminal; nowhere else."""

import sys
import time

__all__ = ["Progress"]

EVERY = 0.5  # seconds


class Progress:
    """Called with how many names more, and the bytes read so far."""

    def __init__(self, names=None, size=None):
        self.total_names = names
        self.total_size = size
        self.names = 0
        self.started = self.told = time.monotonic()
        self.shown = sys.stderr.isatty()

    def __call__(self, names, read):
        self.names += names
        now = time.monotonic()
        if self.shown and now - self.told >= EVERY:
            self.told = now
            sys.stderr.write("\r\x1b[K" + self.text(read, now - self.started))
            sys.stderr.flush()

    def text(self, read, seconds):
        """One line of it."""
        said = "%d names" % self.names
        if self.total_names:
            said += " of about %d" % self.total_names
        said += ", %.1f GB, %.0f MB/s" % (read / 1e9, read / 1e6 / seconds)
        left = self.left(read, seconds)
        return said if left is None else said + ", %d s left" % left

    def left(self, read, seconds):
        """Seconds, as if what is to come were like what was; None: nobody knows."""
        done, total = (read, self.total_size) if self.total_size else (self.names,
                                                                       self.total_names)
        return seconds * (total - done) / done if done and total and total > done else None

    def end(self):
        """The line is gone."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
