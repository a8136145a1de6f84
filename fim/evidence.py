"""Evidence: a change of what is in a file waits for the digest of it (fim/content.py), and says
then what the digest was before. Where that is the same, nothing has changed.

Nothing waits for ever, and what waits is bounded: then it is judged without a digest. Changes
of one file stay in their order; others do not wait for it.
"""

import collections

__all__ = ["ALGORITHM", "Evidence"]

ALGORITHM = "sha256"
WAIT_NS = 10 * 10**9    # for the digest
SOON_NS = 10**9         # for it where the file is gone; for the record that explains its ctime
MOST_CHANGES = 4096     # that wait
MOST_RECORDS = 8192     # that pass meanwhile: fim/worker.py keeps what is not judged
MOST_CONTENTS = 4096    # whose change is not whole yet
# After these the file is read (ext/session_content.c), and after a rename over another.
READ = ("close", "link", "truncate")
# These change the ctime, and not what is in the file.
BESIDE = ("chmod", "chown", "setxattr", "removexattr", "setflags", "link", "unlink", "rename")


def is_read(record):
    """Whether a `content` record may follow."""
    return (record.kind == "event" and (record.op in READ or bool(record.replaced))
            and record.file.type == "file" and bool(record.path)
            and record.path_complete is not False and record.file.nlink != 0)


def inode_of(record):
    """Of an event."""
    return record.kernel.dev, record.kernel.ino


def before_of(content):
    """The digest before, where it is known."""
    if content.changed:
        return content.changed.hash.before
    return digest_of(content) if content.against else None


def digest_of(content):
    """What was read, where it was."""
    return getattr(content.hash, ALGORITHM, None)


def key_of(record):
    """Of an event, among all streams."""
    return record.stream, record.seq


class Waiting:
    """One change, until it is known what is in the file.

    read    the records of it after which the file is read; none: it only waits its turn
    ctimes  of the file with what the last of these left in it
    sealed  whether something else may be in it by now
    """

    def __init__(self, change, read, number):
        self.change, self.read, self.number = change, read, number
        self.due = change.time_ns + WAIT_NS
        self.ripe = not read
        self.keys = [key_of(record) for record in read]
        self.path = read[-1].path if read else None
        self.judged = self.sealed = False
        self.contents = []
        self.ctimes = {read[-1].file.ctime} if read else set()
        for record in change.records[change.records.index(read[-1]) + 1:] if read else ():
            self.follow(record)

    def follow(self, record):
        """A later record of the inode."""
        last, now = self.read[-1].file, record.file
        if record.op not in BESIDE or (now.size, now.mtime) != (last.size, last.mtime):
            self.sealed = True
        elif not self.sealed:
            self.ctimes.add(now.ctime)

    def is_before(self, key, path):
        """Whether what was read after that event is of a later time. Asked of all that wait for a
        path: what a record says is looked up once."""
        return (not self.ripe and self.path == path and self.keys[-1][0] == key[0]
                and self.keys[-1][1] < key[1])

    def attested(self):
        """Whether what was read is what the change left: a clock's tick aside."""
        file, last = self.contents[-1].file, self.read[-1].file
        return (self.contents[-1].hash_state == "stable" and file.ctime in self.ctimes
                and all(getattr(file, field) == getattr(last, field)
                        for field in ("ino", "size", "mtime")))

    def before(self):
        """The digest before; not known where others' changes were read with it."""
        alone = sum(content.count or 1 for content in self.contents) <= len(self.read)
        return before_of(self.contents[0]) if alone else None

    def in_doubt(self):
        """Whether a record that is still to come may show that nothing has changed."""
        return (bool(self.contents) and not self.sealed and not self.attested()
                and self.before() == digest_of(self.contents[-1]) is not None)

    def complete(self):
        """The change, as it is to be judged."""
        if self.contents and self.contents[-1].event == self.read[-1].seq:
            before, after = self.before(), digest_of(self.contents[-1])
            self.change.content = self.contents[-1]
            if after and (before != after or self.attested()):
                self.change.differ("hash", before, after)
        return self.change


class Evidence:
    """Changes in, the same changes out.

    wanted(path)  whether a policy asks for the digest of what is there; None: nobody takes any
    """

    def __init__(self, wanted):
        self.wanted = wanted
        self.queues = {}                      # name: those that wait, in their order
        self.inodes = {}                      # inode: those that its records may say more of
        self.begun = collections.deque()      # those, in the order of the times when it is over
        self.leaving = collections.deque()    # those that wait for a moment only
        self.contents = collections.OrderedDict()  # (stream, seq): content
        self.ripe = []
        self.number = 0                       # of records

    def see(self, record):
        """Any record: the changes that need not wait any longer because of it."""
        self.number += 1
        if record.kind == "content":
            self.hear(record)
        elif record.kind == "event" and self.inodes:
            self.follow(record)
        return self.until(record.time_ns)

    def take(self, changes):
        """Whole changes: those that need not wait."""
        return [ready for change in changes for ready in self.take_one(change)]

    def take_one(self, change):
        """The same, of one."""
        read = self.expected(change)
        if not read and not any(name in self.queues for name in change.names):
            return [change]
        waiting = Waiting(change, read, self.number)
        self.leave(change)
        for name in change.names:
            self.queues.setdefault(name, collections.deque()).append(waiting)
        if not read:
            return []
        self.inodes.setdefault(inode_of(read[-1]), collections.OrderedDict())[waiting] = None
        self.begun.append(waiting)
        self.match(waiting, change.time_ns)
        return self.until(change.time_ns)

    def expected(self, change):
        """The records of it after which its file is read, where anybody wants that."""
        names = change.faces[0].paths
        if self.wanted is None or change.became or "gone" in change.effects or not any(
                map(self.wanted, change.names)):
            return []
        read = [record for record in change.records if is_read(record)]
        return read if read and read[-1].path in names else []

    def leave(self, change):
        """What is gone by now is hardly read any more."""
        gone = [name for face in change.faces if "gone" in face.effects for name in face.paths]
        time_ns = change.time_ns if gone else None
        for name in gone:
            for waiting in self.queues.get(name, ()):
                self.hurry(waiting, time_ns)

    def hurry(self, waiting, time_ns):
        """It waits for a moment only."""
        if waiting.due > time_ns + SOON_NS:
            waiting.due = time_ns + SOON_NS
            self.leaving.append(waiting)

    # --- what comes ---

    def hear(self, content):
        """A `content` record: it is of all changes before it, and known to be of the last."""
        key, path = (content.stream, content.event), content.path
        self.contents[key] = content
        while len(self.contents) > MOST_CONTENTS:
            self.contents.popitem(last=False)
        for waiting in self.queues.get(path, ()):
            if key in waiting.keys:
                self.match(waiting, content.time_ns)
            elif waiting.is_before(key, path):
                self.ripen(waiting)

    def match(self, waiting, time_ns):
        """What was read of the file so far."""
        waiting.contents = [self.contents[key] for key in waiting.keys if key in self.contents]
        if waiting.keys[-1] not in self.contents:
            return
        if waiting.in_doubt():
            self.hurry(waiting, time_ns)
        else:
            self.ripen(waiting)

    def follow(self, record):
        """An event, perhaps of a file that was just changed."""
        there, time_ns = list(self.inodes.get(inode_of(record), ())), record.time_ns
        for waiting in there:
            waiting.follow(record)
            self.match(waiting, time_ns)
            if waiting.sealed:
                self.unfollow(waiting)

    # --- what goes ---

    def until(self, time_ns):
        """What has waited long enough by then, or has what it waited for; None: everything."""
        for queue in (self.begun, self.leaving):
            while queue and (queue[0].ripe or self.is_over(queue[0], time_ns)):
                self.ripen(queue.popleft())
        return self.released()

    def is_over(self, waiting, time_ns):
        """Whether it has waited long enough."""
        return (time_ns is None or waiting.due <= time_ns or len(self.begun) > MOST_CHANGES
                or self.number - waiting.number > MOST_RECORDS)

    def ripen(self, waiting):
        """It waits for nothing but its turn."""
        if not waiting.ripe:
            waiting.ripe = True
            self.unfollow(waiting)
            self.ripe.append(waiting)

    def unfollow(self, waiting):
        """Later records of its inode say nothing more of it."""
        inode = inode_of(waiting.read[-1])
        there = self.inodes.get(inode, {})
        there.pop(waiting, None)
        if not there:
            self.inodes.pop(inode, None)

    def released(self):
        """Those whose turn it is."""
        found = []
        while self.ripe:
            waiting = self.ripe.pop(0)
            if not waiting.judged and all(self.queues[name][0] is waiting
                                          for name in waiting.change.names):
                waiting.judged = True
                found.append(waiting.complete())
                self.next_of(waiting)
        return found

    def next_of(self, waiting):
        """Whose turn is next, by its names."""
        for name in waiting.change.names:
            queue = self.queues[name]
            queue.popleft()
            if not queue:
                del self.queues[name]
            elif queue[0].ripe:
                self.ripe.append(queue[0])

    def waiting(self):
        """The first record of each that waits."""
        return [waiting.change.records[0] for queue in self.queues.values() for waiting in queue]

    def finish(self):
        """Everything that waits."""
        return self.until(None)
