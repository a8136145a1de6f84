"""What the monitor knows of every name, kept beside what was approved: DIR/observed.

After a time in which fim was not there it is compared with what is. The file is written anew
now and then and at the end, in the journal's thread, a part at a time: neither the rings nor the
memory are kept waiting by it. It is whole, or the one before it still is. It never knows more than
the journal says: what is known and was not told when fim is killed would be told by nobody.
"""

import collections
import contextlib
import functools
import json
import os
import struct
import time
import zlib

from fim import host
from fim.told import last_words, lines_since

__all__ = ["Observed", "Since"]

NAME, NEW = "observed", "observed.new"
SECONDS = 60        # between two passes at least ...
SHARE = 50          # ... and so many times as long as the last one took
PARTS = 16          # that wait at most
# Between the end of a pass and its place, at least: repeats wait to be told (ext/repeat.h), and
# differences for the gap that explains them (ext/observe.c).
HOLD, HELD = 5, 3   # seconds, turns
CHANGES = ("events", "scanned", "reconciled")  # counts that grow with every change of what is known
LENGTH = struct.Struct("<I")
BREATHS = 1024      # names between two
SAFE = os.O_CLOEXEC | os.O_NOFOLLOW

# When the pass began: text as records have it; ns of CLOCK_MONOTONIC, 0 before this boot.
Since = collections.namedtuple("Since", "text clock")


class Observed:
    """The file in the state directory `directory` (a descriptor).

    asides  {what: function} that another thread calls soon, once each (fim/spool.py)
    behind  takes a function for that thread to call when everything told so far is on disk
    head    where the journal stands, its id and its link; None while there is none
    now     what a record has as its time
    """

    def __init__(self, directory, asides, now, head=lambda: None, behind=lambda act: act()):
        self.directory = directory
        self.asides = asides
        self.head = head
        self.behind = behind
        self.now = now
        self.parts = collections.deque()
        self.cursor = self.begun = None
        self.next = 0
        self.due, self.held = None, 0  # when the last pass may end; turns since
        self.known = None  # the counts of changes when the last pass began
        self.file = None
        self.failing = None  # why the last pass was not kept
        self.harmed = []  # what the last recall() could not read of the journal

    # --- keeping ---

    def turn(self, session):
        """A step of a pass, when it is time and something has changed since the last."""
        if self.due is not None:
            self.hold()
        elif self.cursor is None and time.monotonic() >= self.next:
            self.look(session)
        if self.cursor is not None and len(self.parts) < PARTS:
            self.step(session)

    def look(self, session):
        """Begin one, or look again later."""
        counts = session.counts()
        known, self.known = self.known, tuple(counts[name] for name in CHANGES)
        self.next = time.monotonic() + SECONDS
        if self.known != known:
            self.begin()

    def finish(self, session):
        """A whole pass at once: nothing will change any more."""
        self.begin()
        while self.cursor is not None:
            self.step(session)
        self.end()  # nothing is held any more
        self.known, self.next = None, 0  # the next session's are others

    def begin(self):
        """A pass; one under way is given up."""
        clock = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.begun, self.cursor, self.due = time.monotonic(), 0, None
        self.put(json.dumps({"time": self.now(), "boot_id": host.boot_id(), "head": self.head(),
                             "clock": int(clock * 10**9)}).encode("ascii"))

    def step(self, session):
        """The next part of it."""
        self.cursor, part = session.observed(self.cursor)
        if part:
            self.put(part)
        if self.cursor == 0:
            self.cursor = None
            self.due, self.held = time.monotonic() + HOLD, 0
            self.next = time.monotonic() + max(SECONDS, SHARE * (time.monotonic() - self.begun))

    def hold(self):
        """What was known at the end of the pass is told now, or has been."""
        self.held += 1
        if self.held >= HELD and time.monotonic() >= self.due:
            self.end()

    def end(self):
        """Once that is on disk, the pass may take its place: it is followed by an empty part."""
        self.due = None
        self.behind(functools.partial(self.complete, self.begun))

    def put(self, part):
        """For the other thread."""
        self.parts.append((self.begun, part))
        self.asides[NAME] = self.write

    # --- the other thread ---

    def complete(self, begun):
        """All of a pass, if it was not given up since."""
        self.parts.append((begun, b""))
        self.write()

    def write(self):
        """What waits."""
        while self.parts:
            begun, part = self.parts.popleft()
            try:
                self.write_part(begun, part)
            except Exception as error:
                self.failing = getattr(error, "strerror", None) or type(error).__name__
                self.abandon()
                raise

    def write_part(self, begun, part):
        """One; of a pass whose beginning could not be written none is."""
        if part.startswith(b"{"):
            self.abandon()
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE
            self.file = begun, os.fdopen(os.open(NEW, flags, 0o600, dir_fd=self.directory), "wb")
        if not self.file or self.file[0] != begun:
            return
        packed = zlib.compress(part, 1) if part else b""
        self.file[1].write(LENGTH.pack(len(packed)) + packed)
        if not part:
            self.replace()

    def replace(self):
        """The new one is whole."""
        file, self.file = self.file[1], None
        with file:
            file.flush()
            os.fsync(file.fileno())
        os.rename(NEW, NAME, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        self.failing = None

    def abandon(self):
        """The file that was begun."""
        if self.file:
            with contextlib.suppress(OSError):
                self.file[1].close()
            self.file = None

    # --- comparing ---

    def stored(self):
        """(Since, head, an iterator of parts) of the file, None where there is none. A damaged
        one gives ValueError, KeyError, TypeError."""
        try:
            descriptor = os.open(NAME, os.O_RDONLY | SAFE, dir_fd=self.directory)
        except FileNotFoundError:
            return None
        parts = parts_of(os.fdopen(descriptor, "rb"))
        head = json.loads(next(parts, b"").decode("ascii"))
        same = head["boot_id"] == host.boot_id()
        return Since(head["time"], head["clock"] if same else 0), head.get("head"), parts

    def since(self):
        """When that was, as records have it; None where there is none."""
        stored = self.stored()
        return stored and stored[0].text

    def recall(self, session, journal=None, breathe=lambda: None):
        """Into the session, before its compare(), with what the journal says after it: the Since,
        None where there is none. `breathe` is called again and again: it may take long."""
        self.harmed = []
        stored = self.stored()
        if stored is None:
            return None
        since, head, parts = stored
        lines = self.said_since(head, journal, breathe)
        try:
            load(session, parts, lines, breathe)
        except BaseException:
            session.forget_earlier()  # half of it is no more than memory
            raise
        return since

    def said_since(self, head, journal, breathe):
        """What the journal says behind the head; nothing where it is another one's."""
        if not head or not journal or head["journal"] != journal.id:
            return ()
        return lines_since(journal.segments, head["link"], self.harmed, breathe)


def load(session, parts, lines, breathe):
    """What was kept, and the last words of records since."""
    for part in parts:
        session.earlier(part)
        breathe()
    for number, (path, word) in enumerate(last_words(lines)):
        session.told(path, *word)
        if number % BREATHS == 0:
            breathe()


def parts_of(file):
    """The parts of a file; ValueError where it is cut."""
    with file:
        while True:
            head = file.read(LENGTH.size)
            if len(head) < LENGTH.size:
                raise ValueError("cut")
            packed = file.read(LENGTH.unpack(head)[0])
            if not packed:
                return
            try:
                yield zlib.decompress(packed)
            except zlib.error as error:
                raise ValueError(str(error))
