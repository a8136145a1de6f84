"""Lines of which no document of another schema can be made: a power failure has left NULs in a
spool, for one. A sink that stopped at such a line would never send another."""

import collections
import time

__all__ = ["Misfits"]


class Misfits:
    """Of one sink.

    counts   {why: how many} were left out
    last_at  when the last of them was met, None: never
    """

    def __init__(self):
        self.counts = collections.Counter()
        self.last_at = None
        self.number = 0

    def note(self, number, error):
        """Line `number` is one. After a connection that broke it comes again, and is the same."""
        if number > self.number:
            self.number, self.last_at = number, time.time()
            self.counts[type(error).__name__] += 1

    def total(self):
        """For whatever reason."""
        return sum(dict(self.counts).values())
