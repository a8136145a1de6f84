"""When something was seen and when not, by the records that tell of it."""

import collections

from fim import spans
from fim.facts import whole_seconds

__all__ = ["Presence", "Unseen", "seconds_of"]

NOT_RUNNING = "fim was not running"
Unseen = collections.namedtuple("Unseen", "since until reason")


def seconds_of(text):
    """Since 1970, of a time as records have it; None for none."""
    return whole_seconds(text[:19]) + float(text[19:-1]) if text else None


class Presence:
    """Takes the records of a journal in their order."""

    def __init__(self):
        self.seen, self.blind = [], []
        self.since = self.dark = None  # since when it sees; (since when, why) it is blind
        self.last = None  # when anything was said
        self.takes = {"start": self.start, "coverage": self.see, "stop": self.stop,
                      "blind": self.go_blind}

    def take(self, record, at):
        """One, of that time."""
        if record["kind"] in self.takes:
            self.takes[record["kind"]](record, at)
        self.last = max(at, self.last or at)

    def start(self, record, at):
        """What it saw before ended with its last word."""
        del record, at
        self.stop(None, self.last)

    def see(self, record, at):
        """Attached and proven."""
        del record
        self.since = at if self.since is None else self.since

    def stop(self, record, at):
        """By request, or noticed later."""
        del record
        if self.since is not None:
            self.seen.append((self.since, at))
        self.since = None

    def go_blind(self, record, at):
        """Until it is said that it is over."""
        since, until = (seconds_of(record[name]) for name in ("since", "until"))
        if self.dark and self.dark[0] < since:  # it was stopped while it was blind
            self.blind.append(Unseen(self.dark[0], since, self.dark[1]))
        self.dark = None if until else (since, record["reason"])
        if until:
            self.blind.append(Unseen(since, until, record["reason"]))
            self.since = until if self.since is None else self.since
        del at

    def periods(self, since, until):
        """(spans seen, [Unseen] of the rest) between the two."""
        blind = self.blind + ([Unseen(self.dark[0], until, self.dark[1])] if self.dark else [])
        dark = [(one.since, one.until) for one in blind]
        seen = self.seen + ([(self.since, self.last)] if self.since is not None else [])
        seen = spans.within(spans.minus(seen, dark), since, until)
        rest = spans.minus([(since, until)], seen + dark)
        unseen = [Unseen(max(one.since, since), min(one.until, until), one.reason)
                  for one in blind if one.since < until and one.until > since]
        return seen, sorted(unseen + [Unseen(begin, end, NOT_RUNNING) for begin, end in rest])
