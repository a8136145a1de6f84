"""The journal: records are appended, in batches that chain lines hold fast (fim/chain.py).

A batch and its chain line are one write. What was written survives the process at once, and
the machine after the next sync: SYNC_SECONDS, the end of a segment, the end of the journal.
An OSError leaves everything as it was: the same call may be made again.
"""

import collections
import contextlib
import json
import os
import re
import time
import uuid
import zlib

from fim.chain import (CHAIN_START, GENESIS, NOTE_START, Head, compact, head_of, link_line,
                       parse_link)
from fim.errors import FimError
from fim.facts import time_text

__all__ = ["BATCH_SECONDS", "Journal", "Limits"]

BATCH_RECORDS = 200
BATCH_SECONDS = 0.2
SYNC_SECONDS = 5.0
LOOK_SECONDS = 1.0
BATCH = re.compile(br"(?:[^\n]*\n){%d}" % BATCH_RECORDS)
# What reading a segment gives that somebody has harmed: the journal goes on without it.
DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError, FimError)

# A segment is over at so many bytes or seconds. Segments go when all together are more bytes,
# when they are so old, and when less than this part of the file system is free: that alone
# leaves a quarter of the bytes, since anybody can fill a disk.
Limits = collections.namedtuple("Limits", "segment_bytes segment_seconds bytes seconds free")
Limits.__new__.__defaults__ = (64 << 20, 86400, 1 << 30, 90 * 86400, 0.05)

# The last segment that is gone, the head at its end, and how many records went.
Expired = collections.namedtuple("Expired", "segment link hash records")


class Tail:
    """The end of a segment: `head` behind its last chain line, the last `note` of the journal
    itself and what that says, and the whole lines after it (`lines`); `end` is where the chain
    line ends, and `record` the last there is."""

    def __init__(self, data):
        whole = data[:data.rfind(b"\n") + 1]
        at = max(whole.rfind(b"\n" + CHAIN_START) + 1, 0)
        self.end = whole.find(b"\n", at) + 1
        line = whole[at:self.end]
        link = parse_link(line)
        self.head, self.time = head_of(link, line), link.time
        note = max(whole.rfind(b"\n" + NOTE_START, 0, at) + 1, 0)
        self.note = json.loads(whole[note:whole.find(b"\n", note)].decode("ascii"))
        self.journal, self.machine_id = self.note["journal"], self.note["machine_id"]
        self.expired, self.records = Expired(**self.note["expired"]), int(self.note["records"])
        kept = [line for line in whole[self.end:].splitlines(True) if record_of(line)]
        self.lines = b"".join(kept)
        self.record = record_of((kept or whole[:at].splitlines() or [b""])[-1])
        self.kept, self.cut = len(kept), len(data) - self.end - len(self.lines)


def record_of(line):
    """The record in a line; {} where there is none, or a harmed one."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        record = json.loads(line.decode("utf-8"))
        return record if record["v"] == 1 else {}
    return {}


def batches(data):
    """The full ones at the start of it."""
    match = BATCH.match(data)
    while match:
        yield match.group()
        match = BATCH.match(data, match.end())


class Journal:
    """One writer's end of a directory of segments.

    head       where the chain stands: for heartbeats and anchors
    repaired   (lines kept, bytes cut) of the tail that a crash had left
    displaced  how often the files were found removed or replaced
    last       when the journal was written last before this, as records have it; None never
    ended      the last record of then
    keys       a Keys (fim/seal.py), None: no seals
    """

    def __init__(self, segments, machine_id=None, limits=Limits(), keys=None, clock=time.time):
        self.segments = segments
        self.machine_id = machine_id
        self.limits = limits
        self.keys = keys
        self.clock = clock
        self.id = uuid.uuid4().hex
        self.head = Head(0, GENESIS)
        self.expired = Expired(0, 0, GENESIS, 0)
        self.records = 0
        self.number, self.descriptor, self.offset, self.begun = 0, None, 0, 0
        self.pending = b""
        self.repaired = (0, 0)
        self.displaced = 0
        self.last = self.ended = None
        self.waiting = self.unsynced = None  # since when
        self.looked = 0
        self.resume()

    # --- start ---

    def resume(self):
        """Go on behind what is there."""
        numbers = self.segments.numbers()
        newest = numbers[-1] if numbers else 0
        for number in reversed(numbers[-2:]):
            with contextlib.suppress(*DAMAGED):
                tail = self.tail(number)
                break
        else:
            return self.begin(newest + 1)
        self.follow(tail, number, newest)

    def tail(self, number):
        """The Tail of a segment; one of DAMAGED when no chain line is in it."""
        with self.segments.reader(number) as file:
            return Tail(file.read())

    def follow(self, tail, number, newest):
        """Behind the segment `number`; one after it is harmed, if it was begun."""
        self.id, self.machine_id = tail.journal, tail.machine_id
        self.expired, self.records = tail.expired, tail.records
        self.begun = self.clock()
        self.head, self.last, self.number = tail.head, tail.time, number
        self.ended = tail.record
        if number < newest or self.segments.is_packed(number):
            return self.begin(newest if self.is_empty(newest) else newest + 1)
        self.descriptor, self.offset = self.segments.open_live(number), tail.end
        self.repair(tail)

    def is_empty(self, number):
        """Whether a crash came before its first chain line was written."""
        with contextlib.suppress(*DAMAGED):
            with self.segments.reader(number) as file:
                return not self.segments.is_packed(number) and CHAIN_START not in file.read()
        return False

    def repair(self, tail):
        """What no chain line covers is chained, as far as it is whole, and cut beyond."""
        self.repaired = (tail.kept, tail.cut)
        os.ftruncate(self.descriptor, self.offset)
        if tail.lines:
            self.write(tail.lines)
        self.sync()

    # --- records ---

    def append(self, lines):
        """Records of one stream, whole lines; flush() before those of another."""
        data, start = self.pending + lines, 0
        try:
            for batch in batches(data):
                self.write(batch)
                start += len(batch)
        finally:
            self.pending = data[start:]
            if self.pending and (start or self.waiting is None):
                self.waiting = time.monotonic()

    def flush(self):
        """What waits for its batch to be full is written."""
        if self.pending:
            self.write(self.pending)
        self.pending, self.waiting = b"", None

    def write(self, batch):
        """A batch and its chain line."""
        key = self.keys.of(self.number) if self.keys else None
        line = link_line(batch, self.head, int(self.clock() * 10**6) * 1000, key)
        self.put(batch + line)
        self.head = head_of(parse_link(line), line, self.head)
        self.records += batch.count(b"\n")
        if self.unsynced is None:
            self.unsynced = time.monotonic()

    def put(self, data):
        """All of it, or nothing."""
        at = self.offset
        try:
            while data:
                written = os.pwrite(self.descriptor, data, at)
                at, data = at + written, data[written:]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, self.offset)
            raise
        self.offset = at

    def note(self):
        """A line of the journal's own: which journal, which segment, and what is gone."""
        members = {"v": 1, "kind": "segment", "journal": self.id, "machine_id": self.machine_id,
                   "segment": self.number, "time": time_text(int(self.clock() * 10**6) * 1000),
                   "link": self.head.link, "hash": self.head.hash, "records": self.records,
                   "expired": self.expired._asdict()}
        self.write(compact(members) + b"\n")

    # --- time ---

    def tick(self):
        """What is due. To be called every BATCH_SECONDS."""
        now = time.monotonic()
        if self.waiting is not None and now - self.waiting >= BATCH_SECONDS:
            self.flush()
        if self.unsynced is not None and now - self.unsynced >= SYNC_SECONDS:
            self.sync()
        if now - self.looked >= LOOK_SECONDS:
            self.looked = now
            self.look()

    def look(self):
        """Whether the files are still there, and the segment has come to its end."""
        if not self.segments.holds(self.number, self.descriptor):
            self.displaced += 1
            self.segments.reopen()
            self.begin(max(self.segments.numbers() + [self.number]) + 1)
        elif (self.offset >= self.limits.segment_bytes
              or self.clock() - self.begun >= self.limits.segment_seconds):
            self.rotate()
        self.expire()

    def settle(self):
        """Everything that came is on disk."""
        self.flush()
        self.sync()

    def sync(self):
        """Everything written is on disk."""
        os.fdatasync(self.descriptor)
        self.unsynced = None

    def rotate(self):
        """The next segment."""
        self.settle()
        self.begin(self.number + 1)

    def begin(self, number):
        """Go on in a new file; in the old one, if that fails."""
        before = self.descriptor, self.offset, self.number
        descriptor = self.segments.open_live(number)
        self.descriptor, self.offset, self.number = descriptor, 0, number
        try:
            os.ftruncate(descriptor, 0)
            self.note()
            self.sync()
            self.segments.sync()
        except BaseException:
            self.descriptor, self.offset, self.number = before
            os.close(descriptor)
            raise
        if before[0] is not None:
            os.close(before[0])
        self.begun = self.clock()
        if self.keys:
            self.keys.forget_before(number)

    def close(self):
        """Everything is on disk; nothing more comes."""
        self.flush()
        self.sync()
        os.close(self.descriptor)

    # --- retention ---

    def doomed(self):
        """Segments beyond the limits, oldest first."""
        limits, doomed = self.limits, []
        sizes = {number: self.segments.size(number) for number in self.segments.numbers()}
        total, (free, room) = sum(sizes.values()), self.segments.free()
        for number in sorted(sizes)[:-1]:
            old = self.clock() - self.segments.written(number) > limits.seconds
            crowded = free < limits.free * room and total - sizes[number] >= limits.bytes / 4
            if not (old or crowded or total > limits.bytes):
                break
            total, free = total - sizes[number], free + sizes[number]
            doomed.append(number)
        return doomed

    def expire(self):
        """Let go what is beyond the limits: first the note of it, then the files."""
        doomed = self.doomed()
        if doomed and doomed[-1] > self.expired.segment:
            self.note_gone(doomed[-1])
        for number in doomed:
            with contextlib.suppress(OSError):  # what cannot go does not stop the journal
                self.segments.remove(number)

    def note_gone(self, number):
        """The note that segments up to this one go; not so, if it cannot be written."""
        before, self.expired = self.expired, self.gone(number)
        try:
            self.flush()
            self.note()
            self.sync()
        except BaseException:
            self.expired = before
            raise

    def gone(self, number):
        """What is gone with this segment: as the next one that is there says, if it can."""
        try:
            after = min(other for other in self.segments.numbers() if other > number)
            with self.segments.reader(after) as file:
                note = json.loads(file.readline().decode("ascii"))
            return Expired(number, int(note["link"]), str(note["hash"]), int(note["records"]))
        except DAMAGED:
            return self.expired._replace(segment=number)
