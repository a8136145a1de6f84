"""Records on disk until they are proven to have arrived: bounded, numbered, in order.

A directory of files, each named by the number of its first line and by the spool's id;
a line's number is that plus its place. So the files need no other framing, and nothing
has to be kept beside them: the name of the last one is the next number, also after a
crash. The id is random, and there for as long as there is a file: where somebody removed
them all numbers begin at 1 again, and with another id they are not taken for the first ones.
"""

import bisect
import collections
import contextlib
import fcntl
import os
import re
import threading
import time

from fim.errors import FimError
from fim.private import make

__all__ = ["Place", "Spool"]

SEGMENT = 1 << 20
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
NAME = "%020d-%s.json"
NAMED = re.compile(r"(\d{20})-([0-9a-f]{16})\.json$")

# The next line: its number, and where it begins in its file.
Place = collections.namedtuple("Place", "number offset")


class Segment:
    """One file of lines."""

    def __init__(self, path, first):
        self.path = path
        self.first = first
        self.lines = 0
        self.size = 0

    def recover(self):
        """Count what an earlier process left; half a line at the end is cut off."""
        with open(self.path, "r+b") as file:
            content = file.read()
            self.size = content.rfind(b"\n") + 1
            self.lines = content.count(b"\n")
            file.truncate(self.size)


def remove(segment):
    """Its file; one that cannot be removed, or was, holds up no record."""
    with contextlib.suppress(OSError):
        os.unlink(segment.path)


class Spool:
    """A bounded queue of lines in `directory`; a thread may write and another read."""

    def __init__(self, directory, limit):
        self.directory = directory
        self.limit = limit
        self.lock = threading.Lock()
        self.dropped, self.dropped_at = 0, None  # lines lost for want of room; when last
        self.segments = []
        self.tail = self.guard = None
        try:
            self.enter()
            self.recover()
        except BlockingIOError:
            raise FimError("fim: %s: another fim sends from there" % directory)
        except OSError as error:
            raise FimError("fim: %s: %s" % (directory, error.strerror))

    def enter(self):
        """The directory, made where it is not there, or no more; nobody else sends from it. Who has
        the number of `guard` has the new one by it."""
        make(self.directory)
        guard = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(guard)
            raise
        if self.guard is None:
            self.guard = guard
        else:
            os.dup2(guard, self.guard, inheritable=False)
            os.close(guard)

    def recover(self):
        """Go on where an earlier process stopped."""
        found = sorted(filter(None, map(NAMED.match, os.listdir(self.directory))),
                       key=lambda name: name.group())
        for name in found:
            segment = Segment(os.path.join(self.directory, name.group()), int(name.group(1)))
            segment.recover()
            self.segments.append(segment)
        self.number = self.end() if found else 1
        self.id = found[-1].group(2) if found else os.urandom(8).hex()
        self.begin_segment()

    def begin_segment(self):
        """A new file for what comes; what has no line is not kept."""
        path = os.path.join(self.directory, NAME % (self.number, self.id))
        try:
            descriptor = os.open(path, FLAGS, 0o600)
        except FileNotFoundError:  # somebody removed the directory
            self.enter()
            descriptor = os.open(path, FLAGS, 0o600)
        if self.tail is not None:
            os.close(self.tail)
        self.tail = descriptor
        if self.segments and self.segments[-1].first == self.number:
            return
        if self.segments and not self.segments[-1].lines:
            remove(self.segments.pop())
        self.segments.append(Segment(path, self.number))

    def append(self, lines):
        """Number whole lines and keep them; what cannot be kept is a hole in the numbers."""
        count = lines.count(b"\n")
        with self.lock:
            try:
                self.write(lines, count)
            except OSError:
                self.lose(count)
            self.number += count
            self.make_room()

    def lose(self, count):
        """So many lines will not be read."""
        self.dropped += count
        self.dropped_at = time.time() if count else self.dropped_at

    def skip(self, count):
        """So many lines were lost before they came here."""
        with self.lock:
            self.lose(count)
            self.number += count

    def write(self, lines, count):
        """To the last file, or to a new one where that is full or a hole is due."""
        last = self.segments[-1]
        if last.size >= SEGMENT or self.end() != self.number:
            self.begin_segment()
            last = self.segments[-1]
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self.tail, rest):]
        except OSError:
            os.ftruncate(self.tail, last.size)
            raise
        last.size += len(lines)
        last.lines += count

    def make_room(self):
        """Let the oldest go."""
        while len(self.segments) > 1 and self.bytes() > self.limit:
            oldest = self.segments.pop(0)
            self.lose(oldest.lines)
            remove(oldest)

    def bytes(self):
        """What is kept."""
        return sum(segment.size for segment in self.segments)

    def end(self):
        """The number behind the last line that is kept."""
        return self.segments[-1].first + self.segments[-1].lines

    def oldest(self):
        """Where what is kept begins."""
        with self.lock:
            return Place(self.segments[0].first, 0)

    def find(self, place):
        """(the file `place` is in, or the next there is; the place there)"""
        firsts = [segment.first for segment in self.segments]
        index = max(0, bisect.bisect_right(firsts, place.number) - 1)
        segment = self.segments[index]
        if place.number >= segment.first + segment.lines and index + 1 < len(firsts):
            segment = self.segments[index + 1]
        if place.number <= segment.first:
            place = Place(segment.first, 0)
        return segment, place

    def read(self, place, most):
        """(the place that is read from, whole lines, the place behind them)"""
        with self.lock:
            segment, place = self.find(place)
            path, size = segment.path, segment.size
        if place.offset >= size:
            return place, b"", place
        try:
            with open(path, "rb") as file:
                file.seek(place.offset)
                lines = file.read(min(most, size - place.offset))
                if not lines.endswith(b"\n"):
                    cut = lines.rfind(b"\n") + 1
                    lines = lines[:cut] if cut else lines + file.readline()
        except FileNotFoundError:
            return place, b"", self.behind(segment, place)
        return place, lines, Place(place.number + lines.count(b"\n"), place.offset + len(lines))

    def behind(self, gone, place):
        """The place behind a file that is not there. Either it was dropped for want of room
        meanwhile, or somebody removed it: what of it was not read is lost."""
        with self.lock:
            if gone in self.segments:
                if gone is self.segments[-1]:
                    self.begin_segment()
                self.segments.remove(gone)
                self.lose(gone.first + gone.lines - place.number)
            return Place(gone.first + gone.lines, 0)

    def discard(self, place):
        """What is before `place` has arrived."""
        with self.lock:
            if place.number == self.end() and self.segments[-1].lines:
                self.begin_segment()
            while len(self.segments) > 1 and self.segments[1].first <= place.number:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.segments.pop(0).path)

    def close(self):
        """Keep what is there for the next process."""
        with self.lock:
            os.close(self.tail)
            os.close(self.guard)
