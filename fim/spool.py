"""A bounded queue before the journal, and the thread that writes it: whatever the disk does,
the rings are read on."""

import collections
import contextlib
import os
import threading
import time

from fim.errors import FimError
from fim.journal import BATCH_SECONDS

__all__ = ["Loss", "Spool"]

ROOM = 32 << 20  # bytes that wait at most
RETRY_SECONDS = 1.0
FAILURES = (Exception,)  # a thread that is gone says nothing, and writes nothing

# So many records were not kept, between these times (ns since 1970), and why.
Loss = collections.namedtuple("Loss", "records since until reason")


class Spool(threading.Thread):
    """Writes what put() is given, in its order, as soon as it can.

    make     makes the Journal; called again and again until it succeeds
    failing  why nothing can be written now, None: it can
    journal  None until it was made
    asides   {what: function}: called once each by the thread
    """

    def __init__(self, make, room=ROOM):
        super().__init__(name="journal", daemon=True)
        self.make = make
        self.room = room
        self.journal = None
        self.failing = None
        self.waiting = 0  # bytes
        self.changed = threading.Condition()
        self.pieces = collections.deque()
        self.lost = None
        self.ending = self.ended = False
        self.stream = None
        self.packer = None
        self.packed = 0
        self.asides = {}

    # --- for whoever has records ---

    def behind(self, act):
        """Call it in the thread once all that was put before is on disk."""
        with self.changed:
            self.pieces.append((None, act))
            self.changed.notify()

    def put(self, stream, lines):
        """Whole lines of one stream; never waits. What there is no room for is counted; while
        half of it is free, that is nothing: a comparison's lines come all at once."""
        if not lines:
            return
        with self.changed:
            if self.waiting * 2 > self.room and self.waiting + len(lines) > self.room:
                self.lose(lines.count(b"\n"))
                return
            self.pieces.append((stream, lines))
            self.waiting += len(lines)
            self.changed.notify()

    def lose(self, count):
        """So many more are lost."""
        now, before = int(time.time() * 10**6) * 1000, self.lost
        self.lost = Loss(count + (before.records if before else 0),
                         before.since if before else now, now, self.failing or "it is too slow")

    def losses(self):
        """The Loss since the last call once there is room again, else None."""
        with self.changed:
            if self.lost is None or self.waiting * 2 > self.room:
                return None
            lost, self.lost = self.lost, None
            return lost

    def close(self, patience):
        """Write what waits; False if that was not possible in so many seconds."""
        with self.changed:
            self.ending = True
            self.changed.notify()
        self.join(patience)
        return self.ended

    def head(self):
        """Where the journal stands: what waits comes behind it."""
        journal = self.journal
        return journal and {"journal": journal.id, "link": journal.head.link}

    # --- the thread ---

    def run(self):
        """Until close()."""
        self.persist(self.open)
        while True:
            piece = self.next_piece()
            if piece:
                self.take(*piece)
            self.persist(self.journal.tick)
            self.pack()
            self.do_aside()
            if self.ending and not self.pieces and not self.asides:
                break
        self.persist(self.journal.close)
        self.ended = True

    def open(self):
        """Make the journal."""
        self.journal = self.make()

    def take(self, stream, what):
        """Lines of a stream, or what is to be done behind all of them."""
        if stream is not None:
            self.persist(lambda: self.switch(stream))
            self.write(what)
            return
        self.persist(self.journal.settle)
        with contextlib.suppress(*FAILURES):
            what()
        with self.changed:
            self.pieces.popleft()

    def next_piece(self):
        """What has waited longest, None after BATCH_SECONDS without any."""
        with self.changed:
            if not self.pieces and not self.ending:
                self.changed.wait(BATCH_SECONDS)
            return self.pieces[0] if self.pieces else None

    def switch(self, stream):
        """A batch is of one stream."""
        if stream != self.stream:
            self.journal.flush()
            self.stream = stream

    def write(self, lines):
        """The journal keeps what it could not write; once it has it, there is room for more."""
        try:
            self.journal.append(lines)
        except FAILURES as error:
            self.fail(error)
            self.persist(lambda: self.journal.append(b""))
        with self.changed:
            self.pieces.popleft()
            self.waiting -= len(lines)

    def fail(self, error):
        """Not now."""
        told = isinstance(error, (OSError, FimError))
        self.failing = (getattr(error, "strerror", None)
                        or (str(error) if told else "%s: %s" % (type(error).__name__, error)))

    def persist(self, act):
        """Do it, again and again until it succeeds."""
        while True:
            try:
                act()
            except FAILURES as error:
                self.fail(error)
            else:
                self.failing = None
                return
            time.sleep(RETRY_SECONDS)

    def do_aside(self):
        """Something else that waits for the disk, and is not missed if it fails."""
        while self.asides:
            with contextlib.suppress(*FAILURES):
                self.asides.popitem()[1]()

    def pack(self):
        """Compress what is over, beside this thread and behind everybody else."""
        if self.journal.number == self.packed or (self.packer and self.packer.is_alive()):
            return
        self.packed = self.journal.number
        self.packer = threading.Thread(target=pack_all, args=(self.journal.segments,),
                                       name="compress", daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread more can be had now
            self.packer.start()


def pack_all(segments):
    """Every segment but the newest. One that cannot be stays as it is until the next is over."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)  # of this thread only
    for number in segments.numbers()[:-1]:
        with contextlib.suppress(OSError, FimError):
            if not segments.is_packed(number):
                segments.pack(number)
