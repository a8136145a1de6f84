"""What is seen of what happens: proven at the start, and watched over from then on."""

from fim import attempts, coverage, hooks, places
from fim.canary import Canary
from fim.keys import Keys
from fim.vigil import Vigil

__all__ = ["Sight"]


class Sight:
    """The canary of one monitor, and what it makes of its song.

    session    fim._core.Session, whose rings `gather` reads
    types      of file systems that are watched, or of interest
    seconds    between rounds (None: none)
    rows       the coverage: {operation: {type: {"state", "hook", "why"}}}
    attempted  that of failed attempts (fim.attempts), None where nobody asked
    doubts     how often everything had to be compared, since what happened was not seen
    """

    def __init__(self, session, roots, types, seconds):
        self.session = session
        self.canary = Canary(session, roots, types, rounds=seconds is not None)
        self.seconds = seconds
        self.vigil = self.keys = None
        self.rows = {}
        self.attempted = None
        self.doubts = 0

    @classmethod
    def of_roots(cls, session, roots, one_file_system, more, seconds):
        """On every type that is watched below `roots`, and `more`."""
        table = list(places.mounts())
        types = places.watched_types(roots, table, below=not one_file_system)
        return cls(session, roots, types | set(more), seconds)

    def prove(self, attachment, gather):
        """Sing; the rows of hooks that did not attach, or may not fire."""
        self.session.watch_nothing()
        lost = self.lost()
        self.canary.prove(gather)
        silent = self.canary.silent() if self.lost() == lost else set()  # or it may be lost
        return ([hook for hook in attachment.chosen if hook not in attachment.hooks]
                + list(hooks.doubtful(attachment.hooks, silent)))

    def lost(self):
        """How many records were lost so far."""
        return self.session.counts()["lost"]

    def watch(self):
        """Put where the canary sings in the hash; within a scan."""
        self.canary.insert_all()

    def tell(self, attachment, emit):
        """The coverage record."""
        silent = self.vigil.silent if self.vigil else {}
        self.rows = coverage.coverage(attachment, self.canary, sorted(self.canary.types), silent)
        members, said = {"operations": self.rows}, coverage.headline(self.rows)
        if self.attempted is not None:
            members["attempts"] = self.attempted
            said += "; " + attempts.headline(self.attempted)
        emit("coverage", members, said)

    def begin(self, give_way):
        """From now on silence is blindness; `give_way` may know other hooks first."""
        if self.seconds is not None:
            self.vigil = Vigil(self.canary, self.known(), self.lost, self.seconds, give_way)
            self.keys = Keys(self.session, self.seconds)

    def hurry(self):
        """Other hooks serve from now on: listen to them soon."""
        if self.vigil:
            self.vigil.hurry()

    def known(self):
        """{type: operations} that rounds should hear."""
        known = {kind: song.heard for kind, song in self.canary.songs.items()}
        known[self.canary.kind] = self.heard()
        return known

    def heard(self):
        """Operations of the proof: those of home, and of elsewhere what home refuses."""
        songs = self.canary.songs
        heard = set().union(*(song.heard for song in songs.values()))
        home = songs.get(self.canary.kind)
        return heard - home.silent() if home else heard

    def keep(self, attachment, emit):
        """Tell of blindness, and of its end, when it is time to."""
        told = self.vigil.turn() if self.vigil else []
        for kind, members, message in told:
            emit(kind, members, message)
            if kind == "blind" and members["until"]:  # what was missed meanwhile is looked for
                self.reconcile(self.vigil.dark_from)
        if any(kind == "blind" for kind, _, _ in told):
            self.tell(attachment, emit)
        self.keep_keys(emit)

    def keep_keys(self, emit):
        """Tell of those that somebody has taken out of the hash, and put them back."""
        members = self.keys.turn() if self.keys else None
        if members:
            emit(*Vigil.notice(members))
            self.reconcile(self.keys.dark_from)
            self.keys.mended()
            self.canary.watch_again()

    def reconcile(self, dark_from):
        """Compare everything; the record before says since when nobody saw it."""
        self.session.reconcile(int(dark_from * 10**9))
        self.doubts += 1

    @property
    def blind(self):
        """The members of the `blind` record that has no end yet, or None."""
        return self.vigil.told if self.vigil else None

    def close(self):
        """Leave nothing behind."""
        self.canary.close()
