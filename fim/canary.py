"""The canary: every operation once on scratch files, to prove that its hook fires.

A symbol can be in kallsyms, be attached, and yet be inlined where it matters; and
what fires may read its arguments at the wrong place: so the record's content counts.
"""

import collections
import functools
import json
import os
import threading
import time

from fim import places
from fim.acts import FORKING, FURNITURE, furnish
from fim.song import Song

__all__ = ["Canary"]

LEFT = 64        # scratch that may come back; one that somebody removed never does
REMOVAL = 5.0    # seconds for all scratch at the end
PATIENCE = 10.0  # seconds; a slow machine needs a second, a silent hook the whole of it


class Canary:
    """Sings on each type of file system that is watched, and then in rounds: at home, and on one
    of the others in turn.

    kind    type of the file system at home
    others  {type: Scratch} elsewhere, the next one first; None where it was lost
    left    paths of those that could not be removed: what they are on was unmounted, for one
    rounds  whether there will be rounds: the others stay
    songs   {type: Song} of the last proof
    absent  {type: why it did not sing there}
    """

    def __init__(self, session, roots=(), types=(), rounds=False):
        self.session = session
        self.roots = roots
        self.types = types
        self.rounds = rounds
        self.home = self.kind = None
        self.others = collections.OrderedDict()
        self.left = collections.deque(maxlen=LEFT)
        self.singing = None, None  # type, Song
        self.songs, self.absent = {}, {}

    def prove(self, pump, patience=PATIENCE):
        """Sing everywhere and listen; `pump` reads the rings."""
        try:
            self.furnish()
            self.watch(self.scratches().values())
            self.songs = {kind: Song(scratch) for kind, scratch in self.scratches().items()}
            for song in self.songs.values():
                song.sing(breathe=lambda: pump(0))
            self.listen(self.songs.values(), pump, patience)
        finally:
            if not self.rounds:
                self.leave()
        return self

    def furnish(self):
        """A Scratch for each type that has none; where there can be none, `absent` says why."""
        table = list(places.mounts())
        home = places.home()
        self.kind, self.absent = places.kind_at(home, table), {}
        self.home = self.home or self.scratch(self.kind, home)
        for kind in sorted(set(self.types) - {self.kind}):
            scratch = self.others.get(kind) or self.branch(kind, table)
            if scratch:
                self.others[kind] = scratch

    def scratches(self):
        """{type: Scratch} of those there are, home first."""
        return {kind: scratch for kind, scratch in [(self.kind, self.home)]
                + list(self.others.items()) if scratch}

    def branch(self, kind, table):
        """A Scratch elsewhere, or None and why."""
        return self.scratch(kind, places.place(kind, self.roots, table), self.home)

    def scratch(self, kind, parent, trunk=None):
        """A Scratch, or None and why."""
        if parent is None:
            self.absent[kind] = ("no writable place on %s outside of what is watched in which only "
                                 "root moves files" % kind)
            return None
        scratch = None
        try:
            scratch = places.Scratch(parent, trunk)
            furnish(scratch.path)
            return scratch
        except OSError as error:
            self.absent[kind] = "no place for the canary in %s: %s" % (parent, error.strerror)
            if scratch:
                scratch.close()
            return None

    def watch(self, scratches):
        """Put them in the hash in force."""
        self.session.scan_begin()
        try:
            for scratch in scratches:
                self.insert(scratch)
        finally:
            self.session.scan_end()

    def insert(self, scratch):
        """Its directory, and what is in it from the first, into the hash; within a scan."""
        for name in ("",) + FURNITURE:
            self.session.watch_canary(os.fsencode(os.path.join(scratch.path, name)))

    def listen(self, songs, pump, patience):
        """Take in what comes until all was heard or patience ends."""
        end = time.monotonic() + patience
        while any(song.silent() for song in songs) and time.monotonic() < end:
            pump(50)
            self.hear(songs)

    def hear(self, songs):
        """Take in what has come."""
        for line in self.session.canary().splitlines():
            record = json.loads(line.decode("utf-8"))
            for song in songs:
                song.hear(record)

    def silent(self):
        """{operation} that was not heard somewhere."""
        return {operation for song in self.songs.values() for operation in song.silent()}

    def sing(self):
        """{type: Song} of a round, of acts that cost next to nothing; without home where there
        is none."""
        if not stands(self.home):
            self.resettle()
        songs = {}
        if self.home:
            songs[self.kind] = Song(self.home)
            songs[self.kind].sing(FORKING)
        if self.others and not self.late():
            songs.update(self.sing_elsewhere())
        return songs

    def sing_elsewhere(self):
        """{type: Song} where it is the turn. In a thread: a disk can let one wait, and the rings
        must be read meanwhile."""
        self.clear_away()
        kind = next(iter(self.others))
        self.others.move_to_end(kind)
        if not stands(self.others[kind]):
            self.move(kind)
        if not self.others[kind]:
            return {}
        return self.begin(kind, Song(self.others[kind]))

    def begin(self, kind, song):
        """{type: Song} in a thread; where no thread more can be had now, in a later round."""
        try:
            threading.Thread(target=song.sing, args=(FORKING,), daemon=True).start()
        except RuntimeError:
            self.again(kind)
            return {}
        self.singing = kind, song
        return dict([self.singing])

    def late(self):
        """The type where the song of an earlier round has not come to its end, or None."""
        kind, song = self.singing
        return kind if song and song.done is None else None

    def again(self, kind):
        """It is the turn of this type next, too."""
        self.others.move_to_end(kind, last=False)

    def resettle(self):
        """The directory at home was removed, or could not be made before."""
        if self.home:
            self.give_up(self.home)
        self.home = self.watched(self.kind, self.scratch(self.kind, places.home()))

    def move(self, kind):
        """A new place there: what was mounted on the way to it is gone, for one."""
        if self.others[kind]:
            self.give_up(self.others[kind])
        self.others[kind] = self.watched(kind, self.branch(kind, list(places.mounts())))

    def give_up(self, scratch):
        """Remove it, or remember it."""
        if not scratch.close():
            self.left.append(scratch.path)

    def clear_away(self):
        """Remove what was remembered, and is there again."""
        for path in [path for path in self.left if places.remove(path)]:
            self.left.remove(path)

    def watched(self, kind, scratch):
        """It is in the hash; or gone, and `absent` says why."""
        try:
            self.watch([scratch] if scratch else [])
            return scratch
        except OSError as error:  # the hash is full, for one
            self.absent[kind] = "the canary's %s: %s" % (scratch.path, error.strerror)
            scratch.close()
            return None

    def watch_again(self):
        """Home, whose keys somebody may have taken out; without it where the hash has no room."""
        if self.home:
            self.home = self.watched(self.kind, self.home)

    def insert_all(self):
        """What stands of it into another hash; within a scan."""
        for scratch in filter(stands, self.scratches().values()):
            self.insert(scratch)

    def leave(self):
        """Home remains."""
        while self.others:
            _, scratch = self.others.popitem()
            if scratch:
                self.give_up(scratch)
        self.clear_away()

    def close(self, patience=REMOVAL):
        """Leave nothing behind, as far as the disks let us: one that is frozen is not waited for
        longer than that, and the next start finds what is left."""
        scratches, self.home = [self.home] + list(self.others.values()), None
        self.others.clear()
        end = time.monotonic() + patience
        for acts in ([functools.partial(self.give_up, scratch) for scratch in filter(None, scratches)],
                     [self.clear_away]):
            threads = [threading.Thread(target=act, daemon=True) for act in acts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(max(0, end - time.monotonic()))


def stands(scratch):
    """Whether it is there, as it was furnished."""
    return bool(scratch) and scratch.is_there() and os.path.exists(scratch.path + "/a")
