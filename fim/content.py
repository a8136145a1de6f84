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
NOTE = struct.Struct("=Q16s16s")  # seq, the inode now, the one before
QUEUE_FULL = "contents not read: too many waited"
GONE = "contents not read: the file was gone"
STOPPED = "contents not read: it was stopped"


def entries(data):
    """(seq, inode now, inode before, path) of what Session.contents() gives."""
    at = 0
    while at < len(data):
        end = data.index(b"\0", at + NOTE.size)
        yield NOTE.unpack_from(data, at) + (data[at + NOTE.size:end],)
        at = end + 1


class Wanted:
    """A file to read: `inode` is there, `before` was before the first of `count` records, the
    last of which is `seq`; it had `digest`, if that is known."""

    def __init__(self, before, digest):
        self.seq, self.inode, self.count = 0, None, 0
        self.before, self.digest = before, digest

    def add(self, seq, inode):
        """One record more."""
        self.seq, self.inode = seq, inode
        self.count += 1


class Known:
    """Digests of what was read, by inode, with the path that it was read by: through another
    name, or of another inode, it is not known what the file had in it before."""

    def __init__(self):
        self.digests = collections.OrderedDict()  # inode: (path, digest)

    def get(self, path, inode):
        """The digest, or None."""
        name, digest = self.digests.get(inode, (None, None))
        return digest if name == path else None

    def put(self, path, inode, digest):
        """For the next time."""
        self.digests.pop(inode, None)
        self.digests[inode] = path, digest
        if len(self.digests) > REMEMBERED:
            self.digests.popitem(last=False)

    def drop(self, inode):
        """It may have changed."""
        self.digests.pop(inode, None)


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
        self.waiting = collections.OrderedDict()   # path: Wanted
        self.known = Known()
        self.done = collections.deque(maxlen=2 * room)
        self.skipped = {}                          # reason: [count, since]
        self.told = time.monotonic()
        self.streams = 0                           # that have ended

    # --- the daemon's side ---

    def put(self, data, missed=0):
        """What the session noted; it had no room for `missed` more."""
        with self.changed:
            for seq, inode, before, path in entries(data):
                self.add(seq, inode, before, path)
            if missed:
                self.skip(QUEUE_FULL, missed)
                self.known = Known()
            self.changed.notify()

    def add(self, seq, inode, before, path):
        """One to read: once, however often it comes while it waits."""
        if path not in self.waiting and len(self.waiting) + len(self.done) >= self.room:
            self.skip(QUEUE_FULL, 1)
        else:
            new = Wanted(before, self.known.get(path, before))
            self.waiting.setdefault(path, new).add(seq, inode)
        self.known.drop(inode)

    def forget(self):
        """Something may have changed that nobody saw: what was read before is no evidence."""
        with self.changed:
            self.known = Known()

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
                self.skip(STOPPED, sum(wanted.count for wanted in self.waiting.values()))
            self.waiting.clear()
            self.known = Known()
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
                path, wanted = self.waiting.popitem(last=False)
                streams, known = self.streams, self.known
                digest = wanted.digest or known.get(path, wanted.before)  # read since
                known.drop(wanted.inode)
            found = self.look(path, digest)
            with self.changed:
                if found is None or streams != self.streams:
                    self.skip(STOPPED if found else GONE, wanted.count)
                else:
                    self.done.append(self.record(path, wanted.seq, wanted.count, found))
                    if found["hash_state"] == "stable":  # in vain, if that is forgotten by now
                        known.put(path, wanted.inode, found["hash"][ALGORITHM])

    def look(self, path, known):
        """What a record says of the file that has this path now; None: there is none. `known`:
        the digest before, or None."""
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > self.largest:
                return {"hash": None, "hash_state": "skipped",
                        "reason": "larger than %d bytes" % self.largest}
            return self.evidence(path, facts.unpack(_core.examine(path, ALGORITHM)), known)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return {"hash": None, "hash_state": "skipped",
                    "reason": getattr(error, "strerror", None) or str(error)}

    def evidence(self, path, values, known):
        """Of a file that was read."""
        shown = {word: facts.shown(word, values[word])
                 for word in ("dev", "ino", "size", "mtime", "ctime")}
        if "hash" not in values:
            return {"hash": None, "hash_state": "skipped", "file": shown,
                    "reason": "it cannot be read"}
        digest = values["hash"].hex()
        before, against = (known, "observed") if known else self.approved_of(path)
        return {"file": shown, "hash": {ALGORITHM: digest},
                "hash_state": "unstable" if "unstable" in values else "stable",
                "against": against,
                "changed": {"hash": {"before": before, "after": digest}}
                           if before != digest else None}

    def approved_of(self, path):
        """(the digest that is approved, where that is from), as far as there is one."""
        approved = self.approved(path)
        digest = facts.unpack(approved).get("hash") if approved else None
        return (digest.hex(), "approved") if digest else (None, None)

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
