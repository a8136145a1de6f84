"""What befell the journal, and what is kept for the next start: each told once, until it is over."""

import time

from fim.facts import time_text
from fim.output import complain

__all__ = ["Troubles", "unusable"]


def unusable(error):
    """What was observed before cannot be read: (members, message) of an `error`."""
    message = "what was known before cannot be read, what changed is not told: %s" % (
        getattr(error, "strerror", None) or str(error) or type(error).__name__)
    return of_observed(message)


def of_observed(message):
    """(members, message) of an `error`."""
    return {"where": "observed", "message": message}, message


class Troubles:
    """Of a daemon's spool (fim/spool.py) and of what it observed (fim/observed.py); `emit` takes
    (kind, members, message) of a record."""

    def __init__(self, spool, observed, emit):
        self.spool, self.observed, self.emit = spool, observed, emit
        self.segment = 0
        self.mended = (0, 0)
        self.displaced = 0
        self.failing = self.unkept = None  # the journal; what is known
        self.lost = None  # when, seconds since 1970

    def turn(self):
        """Tell what is new; whether another segment was begun."""
        self.tell_losses()
        self.tell_observed()
        self.tell_journal()
        number = self.spool.journal.number if self.spool.journal else self.segment
        begun, self.segment = number != self.segment, number
        return begun

    def tell_losses(self):
        """What the journal had no room for is a gap, once there is room for the record of it."""
        lost = self.spool.losses()
        if lost:
            self.lost = time.time()
            reason = "the journal: %s" % lost.reason
            self.emit("gap", {"cpu": None, "lost": lost.records, "first": None, "last": None,
                              "since": time_text(lost.since), "until": time_text(lost.until),
                              "reason": reason}, "%d records lost: %s" % (lost.records, reason))

    def tell_observed(self):
        """What is known cannot be kept for the next start: once, until it can."""
        failing, before = self.observed.failing, self.unkept
        self.unkept = failing
        if failing and not before:
            self.emit("error", *of_observed("what is known cannot be kept: " + failing))

    def tell_journal(self):
        """What became of its files."""
        journal = self.spool.journal
        if self.spool.failing != self.failing:
            self.failing = self.spool.failing
            complain("fim: the journal %s" % ("cannot be written: " + self.failing if self.failing
                                              else "is written again"))
        if journal is None:
            return
        if journal.repaired != self.mended:
            self.mended = journal.repaired
            self.tell("a crash: %d records kept that were not chained, %d bytes cut"
                      % self.mended)
        if journal.displaced != self.displaced:
            self.displaced = journal.displaced
            self.tell("its files were removed or replaced: segment %d begun" % journal.number)

    def tell(self, message):
        """With the journal's files."""
        path = self.spool.journal.segments.path
        self.emit("error", {"where": path, "message": message}, "%s: %s" % (path, message))
