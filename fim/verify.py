"""Is a journal what was written: its bytes, its chain, its segments, and what others kept of it.

What the chain shows: any change by one who does not write it anew from there to its end. What
only anchors show (heads that a collector kept) or seals: a chain that was written anew, and an
end that is missing. What is `tampered` cannot come of a crash, what is `incomplete` can.
"""

import collections
import hashlib
import json
import time
import zlib

from fim.chain import CHAIN_START, GENESIS, NOTE_START, is_sealed, head_of, parse_link
from fim.errors import FimError
from fim.seal import first_key, key_of

__all__ = ["BAD_FILE", "Finding", "KINDS", "Verifier", "anchors", "batches"]

BLOCK = 1 << 20
WRITE_SECONDS = 0.3  # a write takes no longer, unless the disk stands still
BAD_FILE = (OSError, EOFError, zlib.error, FimError)

# kind: whether it is tampering, and what to say
KINDS = {
    "content": (True, "its records are not those that were chained"),
    "count": (True, "the chain line counts other records than there are"),
    "malformed": (True, "no chain line that fim writes"),
    "broken": (True, "the chain line before is not the one that it was chained to"),
    "missing": (True, "segments are missing, and no note says that they were let go"),
    "misplaced": (True, "the file is another segment's, or has no note of its own"),
    "unchained": (True, "lines behind the last chain line of a segment that is over"),
    "unreadable": (True, "the file cannot be read to its end"),
    "foreign": (True, "no file of a journal"),
    "seal": (True, "not sealed with this machine's key"),
    "anchor": (True, "another record was sent out at the time"),
    "rolled back": (True, "the journal ends before what was sent out"),
    "replaced": (True, "what was sent out is of another journal of this machine"),
    "hole": (False, "records were never written"),
    "tail": (False, "the last lines are not chained yet: a crash, or it is being written"),
    "empty": (False, "there is no record"),
}

EXPIRED = (("segment", int), ("link", int), ("hash", str), ("records", int))
Finding = collections.namedtuple("Finding", "kind segment link records message")
Anchor = collections.namedtuple("Anchor", "journal machine_id link hash")


def anchors(lines):
    """The Anchors in JSON lines of a collector: whatever has a `head` (heartbeats), be they
    records or ECS or OCSF documents of them. ValueError, KeyError, TypeError or AttributeError:
    they are none of these."""
    for line in lines:
        if '"head"' not in line:
            continue
        record = json.loads(line)
        for members in (record, record.get("fim"), record.get("unmapped")):
            head = (members or {}).get("head")
            if isinstance(head, dict) and "journal" in head:
                yield Anchor(head["journal"], machine_of(record), int(head["link"]), head["hash"])


def machine_of(record):
    """The machine id in a record, or a document of one."""
    host, device = record.get("host") or {}, record.get("device") or {}
    return host.get("machine_id") or host.get("id") or device.get("uid") or ""


def batches(file, live=False):
    """(lines, chain line) one by one, the last chain line b"" if lines are behind it. What is
    `live` may be in the middle of a write."""
    data, at = b"\n", 1
    while True:
        start = data.find(b"\n" + CHAIN_START, at - 1) + 1
        end = data.find(b"\n", start) + 1 if start else 0
        if end:
            yield data[at:start], data[start:end]
            at = end
            continue
        block = file.read(BLOCK)
        if not block and live and data[at:]:
            live = False
            time.sleep(WRITE_SECONDS)
            block = file.read(BLOCK)
        if not block:
            break
        data, at = b"\n" + data[at:] + block, 1
    if data[at:]:
        yield data[at:], b""


class Verifier:
    """Walks a directory of segments once; run() yields what is wrong with it.

    secret   the fleet's, where seals are to be checked
    counts   records, links, segments; head, where the walk came to
    """

    def __init__(self, segments, kept=(), secret=None):
        self.segments = segments
        self.kept = collections.defaultdict(list)
        for anchor in kept:
            self.kept[anchor.journal].append(anchor)
        self.wanted = {anchor.link for found in self.kept.values() for anchor in found}
        self.secret = secret
        self.journal = self.machine_id = self.key = None
        self.expired = {"segment": 0, "link": 0, "hash": GENESIS, "records": 0}
        self.streams = {}
        self.seen = {}  # link: hash, of links that are anchored
        self.first = self.head = None
        self.records = self.links = 0
        self.oldest = 1

    def run(self):
        """Every Finding, in the order of the journal."""
        numbers = self.segments.numbers()
        self.oldest = numbers[0] if numbers else 1
        for name in self.segments.foreign():
            yield self.finding("foreign", None, name=name)
        for number in numbers:
            for finding in self.segment(number, number == numbers[-1]):
                yield finding
        for finding in list(self.begin(numbers)) + list(self.compare()):
            yield finding

    def finding(self, kind, segment, link=None, name=None, **more):
        """One, in words."""
        where = name or (self.segments.name(segment) if segment else "journal")
        words = ", link %d" % link.link if link else ""
        if link and link.first is not None:
            words += ", records %d to %d of %s" % (link.first, link.last, link.stream[:8])
        message = "%s%s: %s" % (where, words, KINDS[kind][1])
        return Finding(kind, segment, link.link if link else None,
                       (link.first, link.last) if link else None,
                       message + "".join(" (%s %s)" % item for item in sorted(more.items())))

    # --- one segment ---

    def segment(self, number, newest):
        """Its findings."""
        named = False
        try:
            with self.segments.reader(number) as file:
                for lines, line in batches(file, newest):
                    if not line:
                        yield self.finding("tail" if newest else "unchained", number,
                                           lines=lines.count(b"\n"))
                        continue
                    named = self.note(number, lines) or named
                    for finding in self.link(number, lines, line):
                        yield finding
        except BAD_FILE as error:
            yield self.finding("unreadable", number, why=str(error))
        if not named:
            yield self.finding("tail" if newest else "misplaced", number)

    def note(self, number, lines):
        """Take in the note of a segment; whether it is this one's."""
        if not lines.startswith(NOTE_START):
            return False
        try:
            note = json.loads(lines.decode("ascii"))
            expired = {name: note["expired"][name] + kind() for name, kind in EXPIRED}
            journal, machine_id = str(note["journal"]), str(note["machine_id"] or "")
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        self.expired, self.journal, self.machine_id = expired, journal, machine_id
        if self.secret:
            self.key = key_of(first_key(self.secret, machine_id), number - 1)
        return note["segment"] == number

    def link(self, number, lines, line):
        """Findings of one batch. The walk goes on from the chain line as it is there."""
        try:
            link = parse_link(line)
        except ValueError:
            self.head = None
            yield self.finding("malformed", number)
            return
        self.links += 1
        self.records += lines.count(b"\n")
        for kind in self.wrong(link, lines, line):
            yield self.finding(kind, number, link)
        for finding in self.order(number, link):
            yield finding
        self.head = head_of(link, line)
        self.first = self.first or link
        if link.link in self.wanted:
            self.seen[link.link] = self.head.hash

    def wrong(self, link, lines, line):
        """The kinds of what is wrong with a link by itself and with the one before."""
        if hashlib.sha256(lines).hexdigest() != link.sha256:
            yield "content"
        elif link.records != lines.count(b"\n"):
            yield "count"
        if self.head and (link.previous, link.link) != (self.head.hash, self.head.link + 1):
            yield "broken"
        if self.secret and not (self.key and is_sealed(line, self.key)):
            yield "seal"

    def order(self, number, link):
        """Records of a stream that are numbered, and not here."""
        if link.first is None:
            return
        begun = not self.streams and self.oldest > 1  # what was before is gone
        due = self.streams.get(link.stream, link.first if begun else 1)
        if link.first != due or link.last - link.first + 1 != link.records:
            yield self.finding("hole", number, link, due=due)
        self.streams[link.stream] = link.last + 1

    # --- the whole ---

    def begin(self, numbers):
        """What should be before, and between, what is there."""
        gone = self.expired["segment"]
        there = set(numbers) | set(range(1, gone + 1))
        lacking = sorted(set(range(1, max(there, default=0))) - there)
        if lacking:
            yield self.finding("missing", None, segments="%d to %d" % (lacking[0], lacking[-1]))
        if not self.first:
            yield self.finding("empty", None)
            return
        if numbers[0] == gone + 1 and (self.first.previous, self.first.link) != (
                self.expired["hash"], self.expired["link"] + 1):
            yield self.finding("broken", numbers[0], self.first)

    def compare(self):
        """What the collector kept."""
        if self.kept and not self.journal:
            yield self.finding("rolled back", None)
            return
        for anchor in self.kept.get(self.journal, ()):
            if self.head and anchor.link > self.head.link:
                yield self.finding("rolled back", None, sent=anchor.link)
            elif anchor.link > self.expired["link"] and self.seen.get(anchor.link) != anchor.hash:
                yield self.finding("anchor", None, sent=anchor.link)
        others = {anchor.journal for kept in self.kept.values() for anchor in kept
                  if anchor.machine_id == self.machine_id and anchor.journal != self.journal}
        for journal in sorted(others):
            yield self.finding("replaced", None, journal=journal)
