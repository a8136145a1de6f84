"""Whether what is watched still is: some keys of the kernel's hash are looked for in each round.

Whoever may use bpf(2) can take some out; then their changes fire nothing, while the canary is heard
as before. A round costs next to nothing, and all of them together come to everything.
"""

import time

from fim.vigil import INTERVAL, moment

__all__ = ["Keys"]

ROUND = 4096  # keys: 5 to 7 ms, and a million in 41 minutes
REASON = "somebody has altered the hash of watched inodes: %d of those looked for were not in it"
MEND = "find out who may use bpf(2), such as: bpftool map; they are put back and compared"


class Keys:
    """turn() is called again and again: what `blind` records say, as fim/vigil.py has it, or None.

    session    fim._core.Session
    dark_from  since when they may have been missing, by time.monotonic(): the last pass over all
               of them in which they were not
    """

    def __init__(self, session, interval=INTERVAL):
        self.session = session
        self.interval = interval
        self.passing = time.monotonic()  # since when the pass is under way
        self.looked = self.dark_from = self.passing

    def turn(self):
        """A round, when it is time."""
        now = time.monotonic()
        if now - self.looked < self.interval:
            return None
        self.looked = now
        missing, over = self.session.keys(ROUND)
        if missing:
            return self.altered(missing)
        if over:
            self.dark_from, self.passing = self.passing, now
        return None

    def altered(self, missing):
        """The members of a `blind` record that is over: they are put back."""
        now = time.time()
        since = now - (time.monotonic() - self.dark_from)
        return {"reason": REASON % missing, "mend": MEND, "since": moment(since),
                "until": moment(now)}

    def mended(self):
        """They are put back: everything that was found until now is there."""
        self.dark_from = self.passing = time.monotonic()
