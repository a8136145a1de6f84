"""All sinks of one monitor."""

import hashlib
import os
import re
import time

from fim.errors import FimError
from fim.sinks.address import Address
from fim.sinks.feed import Feed
from fim.sinks.outlet import Outlet
from fim.sinks.spool import Spool

__all__ = ["Sinks"]

CLOSE_SECONDS = 5


def directory_name(address):
    """The same for the same place, whatever the options: what waits there goes on."""
    place = "%s-%s-%s-%s" % (address.kind, address.how, address.host or address.path,
                             address.port or "")
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", place).strip("-")[:48]
    return "%s-%s" % (readable, hashlib.sha256(place.encode("utf-8")).hexdigest()[:8])


def outlet(address, directory):
    """One sink, going."""
    spool = Spool(os.path.join(directory, directory_name(address)), address.limit)
    try:
        return Outlet(address, spool)
    except OSError as error:
        raise FimError("fim: --sink %s: %s" % (address.text, error.strerror or error))


class Sinks:
    """Takes batches of whole JSON lines; `texts` are as --sink has them."""

    def __init__(self, texts, directory):
        addresses = [Address(text) for text in texts]  # all are checked before one starts
        self.outlets = [outlet(address, directory) for address in addresses]
        self.feed = Feed(self.outlets)
        self.told = [0] * len(self.outlets)
        self.said = []  # outlets of whose echoes was told
        self.misfits = [{} for _ in self.outlets]  # as they were told

    def take(self, lines):
        """A batch for each; never waits, neither for a collector nor for a disk."""
        if lines and self.outlets:
            self.feed.put(lines)

    def own(self):
        """Descriptors of the directories in which records wait, as long as it is not closed: what
        we do there is no change to tell, what others do is."""
        return tuple(one.spool.guard for one in self.outlets)

    def state(self):
        """Of each, as plain data, for `fim status`."""
        return [one.state() for one in self.outlets]

    def tell_losses(self, emit):
        """By emit(kind, members, message): what a sink had no room for, a record each."""
        for sink, count in self.losses():
            reason = "no room in the spool of " + sink
            emit("withheld", {"reason": reason, "count": count, "since": None, "until": None},
                 "%d records: %s" % (count, reason))
        self.tell_misfits(emit)
        self.tell_echoes(emit)

    def tell_misfits(self, emit):
        """What could not be mapped since asked last, a record for each reason."""
        for place, one in enumerate(self.outlets):
            before, now = self.misfits[place], dict(one.misfits.counts)
            self.misfits[place] = now
            for why in sorted(why for why in now if now[why] > before.get(why, 0)):
                reason = "no %s document can be made of it (%s), not sent to %s" % (
                    one.address.format, why, one.address.text)
                count = now[why] - before.get(why, 0)
                emit("withheld", {"reason": reason, "count": count, "since": None, "until": None},
                     "%d records: %s" % (count, reason))

    def tell_echoes(self, emit):
        """The first of each sink, once: a record of each would be written by that daemon, too."""
        for one in self.outlets:
            if one.echo and one.echo.count and one not in self.said:
                self.said.append(one)
                reason = ("writes of the log daemon that reads it, not sent to %s (counted in fim "
                          "status)" % one.address.text)
                emit("withheld", {"reason": reason, "count": one.echo.count, "since": None,
                                  "until": None}, reason)

    def losses(self):
        """[(sink, lines dropped since asked last)], where there are."""
        dropped = [one.spool.dropped for one in self.outlets]
        found = [(one.address.text, now - before)
                 for one, now, before in zip(self.outlets, dropped, self.told) if now > before]
        self.told = dropped
        return found

    def close(self, seconds=CLOSE_SECONDS):
        """Send what is left, for so long at most."""
        deadline = time.monotonic() + seconds
        self.feed.close(seconds)
        for one in self.outlets:
            one.closing.set()
        for one in self.outlets:
            one.close(deadline)
