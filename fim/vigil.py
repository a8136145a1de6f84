"""The vigil: the canary sings every few seconds, and silence is blindness.

Nothing waits: a song is judged a second later, when everything of it was read.
"""

import time

from fim.facts import time_text
from fim.switches import switched_off

__all__ = ["INTERVAL", "Vigil", "moment"]

INTERVAL = 10.0
HEARING = 1.0  # seconds after which a hole in the records would have been told, too
MEND = "restart fim; fim doctor says more"


class Vigil:
    """turn() is called again and again, and returns records to be told: (kind, members, message).

    known   operations that are heard when all is well
    lost    a function: how many records were lost so far
    silent  operations that are not heard now
    told    the members of the blindness that lasts, or None
    dark_from  since when the last one was, by time.monotonic()
    """

    def __init__(self, canary, known, lost, interval=INTERVAL):
        self.canary = canary
        self.known = known
        self.lost = lost
        self.interval = interval
        self.silent = set()
        self.song = self.told = self.mute = None
        self.off = None  # the switch, where the hooks were off when the round began
        self.lost_before = 0
        self.sung = self.heard = self.dark_from = time.monotonic()
        self.sung_at = self.heard_at = time.time()

    def turn(self):
        """Begin a round, or end it, when it is time."""
        waited = time.monotonic() - self.sung
        if self.song and waited >= HEARING:
            return self.judge()
        if not self.song and waited >= self.interval:
            return self.sing()
        return []

    def sing(self):
        """Begin a round; that it cannot be is told once."""
        self.sung, self.sung_at, self.lost_before = time.monotonic(), time.time(), self.lost()
        self.off = switched_off()
        self.song = self.canary.sing()
        before, self.mute = self.mute, self.cannot()
        if self.mute in (None, before):
            return []
        return [("error", {"where": "canary", "message": self.mute},
                 "blindness would not be noticed: " + self.mute)]

    def cannot(self):
        """Why there is nothing to listen to, or None."""
        if self.song is None:
            return self.canary.absent[self.canary.kind]
        if self.song.wanted:
            return None
        return "nothing can be done in %s: %s" % (
            self.song.scratch.path, next(iter(self.song.refused.values())))

    def judge(self):
        """End it: what has changed since the last one."""
        song, self.song = self.song, None
        self.canary.hear([song])
        silent = song.silent() & self.known
        if silent and (self.off or switched_off()):
            silent |= self.known - set(song.wanted)  # nor what is not in a round
        if not song.wanted or silent and self.lost() != self.lost_before:
            return []  # it says nothing: what is missing may have been lost
        told = list(self.changes(silent)) if silent != self.silent else []
        self.silent = silent
        if not silent:
            self.heard, self.heard_at = self.sung, self.sung_at
        return told

    def changes(self, silent):
        """The blindness that ends, and the one that begins."""
        if self.told:
            yield self.notice(dict(self.told, until=moment(self.sung_at)))
        self.told = self.blindness(silent) if silent else None
        if self.told:
            yield self.notice(self.told)

    def blindness(self, silent):
        """The members of its record; `until` is null as long as it lasts."""
        switch = switched_off()
        self.dark_from = self.heard
        return {"reason": "%s: not seen: %s" % (switch.what if switch else "hooks are silent",
                                                ", ".join(sorted(silent))),
                "mend": switch.mend if switch else MEND,
                "since": moment(self.heard_at), "until": None}

    @staticmethod
    def notice(members):
        """With a message for people."""
        over = ", until %s" % members["until"] if members["until"] else ": " + members["mend"]
        return "blind", members, "BLIND since %s%s (%s)" % (members["since"], over,
                                                            members["reason"])


def moment(seconds):
    """As records have it."""
    return time_text(int(seconds * 10**6) * 1000)
