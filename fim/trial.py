"""The trial of a host: every act by every way, on each type of file system, in scratch
directories; and whether it was seen."""

import json
import os

from fim import places
from fim.acts import ACTS, FURNITURE
from fim.canary import PATIENCE, Canary
from fim.song import Song
from fim.ways import WAYS

__all__ = ["ATTACHED", "REFUSED", "SEEN", "NOT_SEEN", "Trial"]

SEEN, NOT_SEEN, REFUSED, ATTACHED = "seen", "not_seen", "refused", "not_attached"


class Trial:
    """A canary of its own; `pump` reads the rings, `blind` are operations that nobody expects.

    cells  {way: {operation: {type: SEEN and so on}}}
    why    {(way, operation, type): words} of what was not seen, or refused
    """

    def __init__(self, session, types, pump, blind=()):
        self.canary = Canary(session, (), types, rounds=True)
        self.pump, self.blind = pump, set(blind)
        self.cells, self.why = {}, {}

    def run(self, patience=PATIENCE):
        """Everything, one way after the other."""
        try:
            self.canary.furnish()
            self.canary.watch(self.canary.scratches().values())
            for way in WAYS:
                self.go(way, patience)
        finally:
            self.canary.close()
        return self

    def go(self, way, patience):
        """On every type at once; what came late of the way before is no answer."""
        self.pump(50)
        self.canary.hear(())
        songs = {kind: self.sung(way, scratch)
                 for kind, scratch in self.canary.scratches().items()}
        for song in songs.values():
            for operation in self.blind & set(song.wanted):
                del song.wanted[operation]
        self.canary.listen(songs.values(), self.pump, patience)
        for kind, song in songs.items():
            self.note(way.name, kind, song)

    def sung(self, way, scratch):
        """A Song, of which somebody else did the acts."""
        song, room = Song(scratch), None
        try:
            room = places.Scratch(os.path.dirname(scratch.path), self.canary.home)
            done, song.refused = in_child(lambda: acts_by(way, scratch, room.path))
            scratch.clear(FURNITURE)
        except OSError as error:
            done, song.refused = [], none_by(way, error)
        finally:
            if room:
                room.close()
        song.wanted = {operation: expected for act in ACTS
                       for operation, expected in act.expected.items() if operation in done}
        return song

    def note(self, way, kind, song):
        """What came of it."""
        for operation, state, why in outcomes(song, self.blind):
            self.cells.setdefault(way, {}).setdefault(operation, {})[kind] = state
            if why:
                self.why[way, operation, kind] = why

    def summary(self):
        """{way: {type: "20 seen", "1 refused", ...}} in words."""
        kinds = sorted({kind for row in self.cells.values() for cells in row.values()
                        for kind in cells})
        return {way: {kind: counted([cells[kind] for cells in row.values() if kind in cells])
                      for kind in kinds} for way, row in self.cells.items()}

    def failures(self):
        """(way, type, {operation: why}) of what should have been seen."""
        found = {}
        for (way, operation, kind), why in self.why.items():
            if self.cells[way][operation][kind] == NOT_SEEN:
                found.setdefault((way, kind), {})[operation] = why
        return [(way, kind, whys) for (way, kind), whys in found.items()]


def outcomes(song, blind):
    """(operation, state, why) of a song that was listened to."""
    for operation in sorted(song.wanted):
        heard = operation in song.heard
        yield (operation, SEEN if heard else NOT_SEEN,
               None if heard else song.wrong.get(operation, "no record came"))
    for operation, why in sorted(song.refused.items()):
        yield operation, REFUSED, why
    for operation in sorted(blind - set(song.refused)):
        yield operation, ATTACHED, None


def counted(states):
    """In words, the good news first."""
    words = {SEEN: "seen", REFUSED: "refused", ATTACHED: "not attached", NOT_SEEN: "NOT SEEN"}
    return ", ".join("%d %s" % (states.count(state), word) for state, word in words.items()
                     if state in states)


def acts_by(way, scratch, room):
    """([operation] done, {operation: why refused}) of one way, by this process."""
    song = Song(scratch)
    try:
        path = way.reach(scratch.path, room)
    except OSError as error:
        return [], none_by(way, error)
    for act in ACTS:
        if act.operation not in way.without:
            song.do(act, path)
    return sorted(song.wanted), song.refused


def none_by(way, error):
    """{operation: why} where the way is none at all."""
    return {operation: error.strerror for act in ACTS if act.operation not in way.without
            for operation in act.expected}


def in_child(question):
    """The answer of another process, as JSON has it; OSError where it has none."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(theirs, json.dumps(question()).encode("utf-8", "backslashreplace"))
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as answer:
        text = answer.read().decode("utf-8")
    os.waitpid(child, 0)
    if not text:
        raise OSError(0, "the acts ended before they were done")
    return json.loads(text)
