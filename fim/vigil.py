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
MENDED = "nothing: other hooks serve since"


class Vigil:
    """turn() is called again and again, and returns records to be told: (kind, members, message).

    known   {type of file system: operations that are heard there when all is well}
    lost    a function: how many records were lost so far
    give_way  a function: whether other hooks are made ready for these operations, and will be
            heard in a later round
    silent  {type: operations that are not heard there now}; at home: anywhere
    told    the members of the blindness that lasts, or None
    pending the members of one for which other hooks are made ready, or None
    heard   {type: when it was heard last, by time.monotonic() and by time.time()}
    dark_from  the former, of the last blindness
    """

    def __init__(self, canary, known, lost, interval=INTERVAL, give_way=lambda operations: False):
        self.canary = canary
        self.known = known
        self.lost = lost
        self.give_way = give_way
        self.interval = interval
        self.songs, self.silent, self.doubted = {}, {}, set()
        self.told = self.pending = self.mute = None
        self.off = None  # the switch, where the hooks were off when the round began
        self.lost_before = 0
        self.sung, self.sung_at = time.monotonic(), time.time()
        self.dark_from = self.ended = self.sung
        self.heard = dict.fromkeys([canary.kind] + list(known), (self.sung, self.sung_at))

    def turn(self):
        """Begin a round, or end it, when it is time."""
        now = time.monotonic()
        if self.songs and now - self.ended >= HEARING:
            return self.judge()
        if not self.songs and now - self.sung >= self.interval:
            return self.sing()
        return []

    def sing(self):
        """Begin a round; that it cannot be is told once."""
        self.sung, self.sung_at, self.lost_before = time.monotonic(), time.time(), self.lost()
        self.off = switched_off()
        late = self.canary.late()
        self.songs, self.ended = self.canary.sing(), time.monotonic()
        before, self.mute = self.mute, self.cannot(late)
        if self.mute in (None, before):
            return []
        return [("error", {"where": "canary", "message": self.mute},
                 "blindness would not be noticed: " + self.mute)]

    def cannot(self, late):
        """Why there is nothing to listen to at home, or on the type `late`; None: there is."""
        song = self.songs.get(self.canary.kind)
        if song is None:
            return self.canary.absent[self.canary.kind]
        if song.wanted:
            return late and "what was done on %s a round ago does not come back" % late
        return "nothing can be done in %s: %s" % (
            song.scratch.path, next(iter(song.refused.values())))

    def judge(self):
        """End it: what has changed since the last one."""
        songs, self.songs = self.songs, {}
        self.canary.hear(songs.values())
        found = self.found({kind: song for kind, song in songs.items() if is_heard_out(song)})
        if any(found.values()) and self.lost() != self.lost_before:
            return []  # it says nothing: what is missing may have been lost
        found = dict(self.believed(found))
        silent = {kind: operations for kind, operations in dict(self.silent, **found).items()
                  if operations}
        if silent != self.silent and self.is_mended(silent, songs):
            self.pending = self.pending or self.blindness(silent)
            for kind in set(silent) - {self.canary.kind}:
                self.canary.again(kind)
            return []
        told = list(self.changes(silent)) if silent != self.silent or self.pending else []
        self.silent = silent
        self.heard.update({kind: (self.sung, self.sung_at) for kind in found if kind not in silent})
        return told

    def is_mended(self, silent, songs):
        """Whether that is under way. Where home is quite silent it is not the hooks' fault."""
        home = songs.get(self.canary.kind)
        if not silent or not home or not home.heard or switched_off():
            return False
        return self.give_way(set().union(*silent.values()))

    def hurry(self):
        """Other hooks serve from now on: what was sung to those before says nothing."""
        self.songs, self.sung = {}, time.monotonic() - self.interval

    def found(self, songs):
        """{type: operations} not heard in a round, none where all is well."""
        silent = {kind: song.silent() & self.known.get(kind, set()) for kind, song in songs.items()}
        home = self.canary.kind
        if silent.get(home) and (self.off or switched_off()):
            silent[home] |= self.known[home] - set(songs[home].wanted)  # nor what is in no round
        return silent

    def believed(self, found):
        """Of home all; of another type silence that lasts in a new place, too: what was mounted
        there may have gone for a while. Where home is silent that is enough."""
        home = self.canary.kind
        for kind, operations in found.items():
            if kind == home or not operations:
                self.doubted.discard(kind)
                yield kind, operations
            elif found.get(home):
                continue
            elif kind in self.doubted:
                yield kind, operations
            else:
                self.doubted.add(kind)
                self.canary.move(kind)
                self.canary.again(kind)

    def changes(self, silent):
        """The blindness that ends, be it told or not, and the one that begins."""
        pending, self.pending = self.pending, None
        ended = self.told or (pending and not silent and dict(pending, mend=MENDED))
        if ended:
            yield self.notice(dict(ended, until=moment(self.sung_at)))
        self.told = self.blindness(silent) if silent else None
        if self.told:
            yield self.notice(self.told)

    def blindness(self, silent):
        """The members of its record; `until` is null as long as it lasts."""
        switch = switched_off()
        self.dark_from, since = min(self.heard[kind] for kind in silent)
        return {"reason": "%s: not seen%s" % (switch.what if switch else "hooks are silent",
                                              "; ".join(self.words(silent))),
                "mend": switch.mend if switch else MEND,
                "since": moment(since), "until": None}

    def words(self, silent):
        """What is silent, home's first, which is so everywhere."""
        home = self.canary.kind
        if home in silent:
            yield ": " + ", ".join(sorted(silent[home]))
        for kind in sorted(set(silent) - {home}):
            rest = silent[kind] - silent.get(home, set())
            if rest:
                yield " on %s: %s" % (kind, ", ".join(sorted(rest)))

    @property
    def heard_at(self):
        """When all was heard at home last, by time.time()."""
        return self.heard[self.canary.kind][1]

    @staticmethod
    def notice(members):
        """With a message for people."""
        over = ", until %s" % members["until"] if members["until"] else ": " + members["mend"]
        return "blind", members, "BLIND since %s%s (%s)" % (members["since"], over,
                                                            members["reason"])


def is_heard_out(song):
    """It says something, and it ended long enough ago for all of it to be read."""
    ended = song.done is not None and time.monotonic() - song.done >= HEARING / 2
    return ended and bool(song.wanted)


def moment(seconds):
    """As records have it."""
    return time_text(int(seconds * 10**6) * 1000)
