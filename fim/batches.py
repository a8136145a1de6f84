"""Records on their way to be judged: in batches, kept until nothing in them waits for more."""

import collections
import json
import time

__all__ = ["Batches", "named"]

KEPT_BYTES = 32 << 20
BATCH_BYTES = 64 << 10

# of: the stream's, or by whom the records are numbered.
Batch = collections.namedtuple("Batch", "number first last data of")


def number_of(line):
    """The number of the record in a line; None: it is no record of a stream."""
    return json.loads(line.decode("utf-8")).get("seq")


def named(batches):
    """Their records, in words."""
    spans = []
    for batch in batches:
        if batch.first and spans and spans[-1][2] == batch.of:
            spans[-1][1] = batch.last
        elif batch.first:
            spans.append([batch.first, batch.last, batch.of])
    return ", ".join("records %d to %d%s" % (first, last, of and " of " + of)
                     for first, last, of in spans)


class Batches:
    """Those that are not judged, or waited for, oldest first. `live`: the time of records is now.

    done   the number of the last that was judged
    sent   how many of those that are kept the process of the policies has
    """

    def __init__(self, live):
        self.live = live
        self.kept = collections.deque()
        self.sent = self.done = self.number = 0

    def __len__(self):
        return len(self.kept)

    def add(self, lines, of, last):
        """Whole lines, in batches of a size; without any it is one that is empty."""
        part, size = [], 0
        for line in lines.splitlines(True):
            part.append(line)
            size += len(line)
            if size >= BATCH_BYTES:
                self.add_batch(part, of)
                part, size = [], 0
        if part or not lines:
            self.add_batch(part, of, last)

    def add_batch(self, lines, of, last=False):
        """One between its marks."""
        self.number += 1
        now = int(time.time() * 10**9) if self.live else 0
        begin, end = (json.dumps(mark).encode("ascii") + b"\n" for mark in (
            {"batch": self.number}, {"end": now, "last": last}))
        first, final = (number_of(lines[0]), number_of(lines[-1])) if lines else (None, None)
        self.kept.append(Batch(self.number, first, final, begin + b"".join(lines) + end, of))

    def outstanding(self):
        """Those that are not judged."""
        return [batch for batch in self.kept if batch.number > self.done]

    def shed(self):
        """Drop the oldest of more than can be kept, and return those."""
        gone, size = [], sum(len(batch.data) for batch in self.kept)
        while size > KEPT_BYTES:
            gone.append(self.kept.popleft())
            size -= len(gone[-1].data)
            self.sent = max(0, self.sent - 1)
        return gone

    def unsent(self):
        """Whether the process has not got all."""
        return self.sent < len(self.kept)

    def send(self):
        """The bytes of the next one."""
        self.sent += 1
        return self.kept[self.sent - 1].data

    def judged(self, number, held):
        """So many are; `held`: the first in which something waits for more, if any. The number of
        the first that is still kept."""
        self.done = number
        while self.kept and self.kept[0].number < (number + 1 if held is None else held):
            self.kept.popleft()
            self.sent -= 1
        return self.kept[0].number if self.kept else number + 1

    def again(self):
        """Another process begins, with the first that is kept."""
        self.sent = 0
        self.done = min(self.done, self.kept[0].number - 1) if self.kept else self.done
