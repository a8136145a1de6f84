"""Evidence of content: after a close, a rename over a file, a link or a truncation the file is
read, by a thread behind everybody else. The rings never wait for it; what there was no room or
no file for is counted.
"""

import collections
import os
import stat
import struct
import threading
import time

from fim import _core, facts
from fim.stream import path_members

__all__ = ["Contents"]

ALGORITHM = "sha256"
ROOM = 8192          # files that wait
REMEMBERED = 65536   # digests
LARGEST = 256 << 20  # bytes of a file that is read
TOLD_SECONDS = 60
SEQ = struct.Struct("=Q")
QUEUE_FULL = "contents not read: too many waited"
GONE = "contents not read: the file was gone"
STOPPED = "contents not read: it was stopped"


def entries(data):
    """(seq, path) of what Session.contents() gives."""
    at = 0
    while at < len(data):
        end = data.index(b"\0", at + SEQ.size)
        yield SEQ.unpack_from(data, at)[0], data[at + SEQ.size:end]
        at = end + 1


class Contents(threading.Thread):
    """put() what to read, take() the records of what was read.

    approved  a function: the packed facts that are approved of a path, or None
    now       what a record has as its time
    """

    def __init__(self, approved, now, room=ROOM, largest=LARGEST):
        super().__init__(name="content", daemon=True)
        self.approved, self.now = approved, now
        self.room, self.largest = room, largest
        self.changed = threading.Condition()
        self.waiting = collections.OrderedDict()   # path: [seq of the last record, how many]
        self.known = collections.OrderedDict()     # path: digest
        self.done = collections.deque(maxlen=2 * room)
        self.skipped = {}                          # reason: [count, since]
        self.told = time.monotonic()
        self.streams = 0                           # that have ended

    # --- the daemon's side ---

    def put(self, data, missed=0):
        """What the session noted; it had no room for `missed` more."""
        with self.changed:
            for seq, path in entries(data):
                self.add(seq, path)
            if missed:
                self.skip(QUEUE_FULL, missed)
            self.changed.notify()

    def add(self, seq, path):
        """One to read: once, however often it comes while it waits."""
        if path in self.waiting:
            self.waiting[path][0] = seq
            self.waiting[path][1] += 1
        elif len(self.waiting) + len(self.done) < self.room:
            self.waiting[path] = [seq, 1]
        else:
            self.skip(QUEUE_FULL, 1)

    def skip(self, reason, count):
        """So many more were not read."""
        self.skipped.setdefault(reason, [0, self.now()])[0] += count

    def take(self):
        """(kind, members, message) of each record that there is to write."""
        with self.changed:
            found = list(self.done)
            self.done.clear()
            if time.monotonic() - self.told >= TOLD_SECONDS:
                found += self.tell()
        return found

    def tell(self):
        """What was not read."""
        self.told, skipped, self.skipped = time.monotonic(), self.skipped, {}
        for reason, (count, since) in sorted(skipped.items()):
            yield "withheld", {"reason": reason, "count": count, "since": since,
                               "until": self.now()}, "%d: %s" % (count, reason)

    def finish(self):
        """The last of this stream, without waiting: what is not read by now is counted."""
        with self.changed:
            if self.waiting:
                self.skip(STOPPED, sum(count for _, count in self.waiting.values()))
            self.waiting.clear()
            self.streams += 1
            self.told -= TOLD_SECONDS
        return self.take()

    # --- the thread ---

    def run(self):
        """For ever."""
        os.setpriority(os.PRIO_PROCESS, 0, 19)  # of this thread only
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait()
                path, (seq, count) = self.waiting.popitem(last=False)
                streams = self.streams
            found = self.look(path)
            with self.changed:
                if found is None or streams != self.streams:
                    self.skip(STOPPED if found else GONE, count)
                else:
                    self.done.append(self.record(path, seq, count, found))

    def look(self, path):
        """What a record says of the file that has this path now; None: there is none."""
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > self.largest:
                return {"hash": None, "hash_state": "skipped",
                        "reason": "larger than %d bytes" % self.largest}
            return self.evidence(path, facts.unpack(_core.examine(path, ALGORITHM)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return {"hash": None, "hash_state": "skipped",
                    "reason": getattr(error, "strerror", None) or str(error)}

    def evidence(self, path, values):
        """Of a file that was read."""
        shown = {word: facts.shown(word, values[word])
                 for word in ("dev", "ino", "size", "mtime", "ctime")}
        if "hash" not in values:
            return {"hash": None, "hash_state": "skipped", "file": shown,
                    "reason": "it cannot be read"}
        digest = values["hash"].hex()
        before, against = self.before(path)
        state = "unstable" if "unstable" in values else "stable"
        if state == "stable":
            self.remember(path, digest)
        return {"file": shown, "hash": {ALGORITHM: digest}, "hash_state": state,
                "against": against,
                "changed": {"hash": {"before": before, "after": digest}}
                           if before != digest else None}

    def before(self, path):
        """(its digest before, where that is from), as far as it is known."""
        if path in self.known:
            return self.known[path], "observed"
        approved = self.approved(path)
        digest = facts.unpack(approved).get("hash") if approved else None
        return (digest.hex(), "approved") if digest else (None, None)

    def remember(self, path, digest):
        """For the next time."""
        self.known[path] = digest
        self.known.move_to_end(path)
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)

    @staticmethod
    def record(path, seq, count, found):
        """(kind, members, message) of it."""
        members = {"event": seq, "count": count, "file": None, "reason": None, "against": None,
                   "changed": None}
        members.update(path_members("path", path))
        members.update(found)
        digest = (found["hash"] or {}).get(ALGORITHM)
        return "content", members, "%s: %s" % (
            facts.name_text(path), digest or "not read: %s" % found["reason"])
