"""The canary: every operation once on scratch files, to prove that its hook fires.

A symbol can be in kallsyms, be attached, and yet be inlined where it matters; and
what fires may read its arguments at the wrong place: so the record's content counts.
"""

import json
import os
import time

from fim import places
from fim.acts import FORKING, FURNITURE, furnish
from fim.song import Song

__all__ = ["Canary"]

PATIENCE = 10.0  # seconds; a slow machine needs a second, a silent hook the whole of it


class Canary:
    """Sings on each type of file system that is watched, and then again and again at home.

    kind    type of the file system at home
    songs   {type: Song} of the last proof
    absent  {type: why it did not sing there}
    """

    def __init__(self, session, roots=(), types=()):
        self.session = session
        self.roots = roots
        self.types = types
        self.home = self.kind = None
        self.songs, self.absent = {}, {}

    def prove(self, pump, patience=PATIENCE):
        """Sing everywhere and listen; `pump` reads the rings."""
        scratches = self.scratches()
        try:
            self.watch(scratches.values())
            self.songs = {kind: Song(scratch) for kind, scratch in scratches.items()}
            for song in self.songs.values():
                song.sing(breathe=lambda: pump(0))
            self.listen(self.songs.values(), pump, patience)
        finally:
            for scratch in scratches.values():
                if scratch is not self.home:
                    scratch.close()
        return self

    def scratches(self):
        """{type: Scratch}, one of them at home; the other types go to `absent`."""
        table = list(places.mounts())
        home = places.home()
        self.kind, self.absent = places.kind_at(home, table), {}
        self.home = self.home or self.scratch(self.kind, home)
        found = {self.kind: self.home}
        for kind in sorted(set(self.types) - {self.kind}):
            found[kind] = self.scratch(kind, places.place(kind, self.roots, table))
        return {kind: scratch for kind, scratch in found.items() if scratch}

    def scratch(self, kind, parent):
        """A Scratch, or None and why."""
        if parent is None:
            self.absent[kind] = "no writable place on %s outside of what is watched" % kind
            return None
        scratch = None
        try:
            scratch = places.Scratch(parent)
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
        """A Song at home, of acts that cost next to nothing; None where there is no home."""
        if self.home is None or not os.path.exists(self.home.path + "/a"):
            self.resettle()
        if self.home is None:
            return None
        song = Song(self.home)
        song.sing(FORKING)
        return song

    def resettle(self):
        """The directory was removed, or could not be made before."""
        self.close()
        self.home = self.scratch(self.kind, places.home())
        if self.home:
            self.watch([self.home])

    def close(self):
        """Leave nothing behind."""
        if self.home:
            self.home.close()
            self.home = None
