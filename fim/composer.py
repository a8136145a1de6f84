"""The composer: records in, whole changes out.

A file that is made, written, given its mode and closed by one process is one change; so is
one that is put in the place of another, and one that is moved aside and made again.
"""

import collections
import os

from fim.change import OPERATIONS, of_record
from fim.unclosed import Unclosed

__all__ = ["Composer"]

HOLD_NS = 10**9  # how long a new file may still get what belongs to it
MOST_SIZES = 10000  # the oldest goes first
KINDS = ("event", "reconcile", "finding", "found")


class Held:
    """Changes that wait, by what they are about (an inode, a path) and whose they are."""

    def __init__(self):
        self.changes = {}                  # thing: {pid: change}
        self.queue = collections.deque()   # (due, thing, pid, change), gone ones, too

    def get(self, thing, pid):
        """The one that waits, or None."""
        return self.changes.get(thing, {}).get(pid)

    def put(self, thing, pid, change):
        """It waits from its last record on."""
        self.changes.setdefault(thing, {})[pid] = change
        self.queue.append((change.time_ns + HOLD_NS, thing, pid, change))

    def pop(self, thing, pid):
        """It waits no longer."""
        change = self.changes[thing].pop(pid)
        if not self.changes[thing]:
            del self.changes[thing]
        return change

    def pop_all(self, thing):
        """None about this waits any longer."""
        return list(self.changes.pop(thing, {}).values())

    def first(self):
        """The one that has waited longest, or None."""
        while self.queue:
            _, thing, pid, change = self.queue[0]
            if self.get(thing, pid) is change:
                return change
            self.queue.popleft()
        return None

    def until(self, time_ns):
        """What has waited long enough by then, no longer waiting; None: everything."""
        found = []
        while self.first() and (time_ns is None or self.queue[0][0] <= time_ns):
            _, thing, pid, _ = self.queue.popleft()
            found.append(self.pop(thing, pid))
        return found


class Sizes:
    """How large files were before they were written to: a `modify` is sent before the data is
    in. One that stands for many says it of the last of these, and comes late."""

    def __init__(self):
        self.before = collections.OrderedDict()

    def note(self, inode, record):
        """A file is written to, perhaps not for the first time since it was closed."""
        if record.op == "modify" and not record.repeats:
            self.before.setdefault(inode, record.file.size)
            if len(self.before) > MOST_SIZES:
                self.before.popitem(last=False)

    def take(self, inode, record):
        """What is known at a close."""
        size = self.before.pop(inode, None)
        return None if record.repeats else size


def failed(record):
    """Whether it is an attempt (fim watch --attempts): it changed nothing."""
    return record.kind == "event" and record.result == "failure"


def moves_aside(record):
    """Whether a file got another name in its own directory, and nothing is where it was."""
    return (record.op == "rename" and not record.replaced and record.file.type == "file"
            and os.path.dirname(record.path or "") == os.path.dirname(record.old_path or "/"))


def settle(held, record, changes):
    """What waits, and who made it so renames it: who sees its last name sees it once."""
    if (record.op == "rename" and held.process.pid == record.process.pid
            and held.path == record.old_path and changes):
        held.became = record.path
        changes[0].take_over(held)


def went(held, record):
    """A new file that is removed before it was whole: one change, by who made it."""
    if record.op == "unlink" and "new" in held.effects and record.path == held.path:
        held.by = held.record
        held.add(record, ("gone",))
        return True
    return False


class Composer:
    """Of one stream; in order but for those that wait to be whole."""

    def __init__(self):
        self.held = Held()
        self.sizes = Sizes()
        self.unclosed = Unclosed()

    def add(self, record, followed=True):
        """The changes that are whole with this record. `followed`: whether what is written is
        wanted also where no close tells of it."""
        self.unclosed.number += 1
        if record.kind not in KINDS or failed(record):
            return []
        whole = self.until(record.time_ns)
        if record.kind == "event":
            self.unclosed.see(record, followed)
        return whole + (self.event(record) if record.kind == "event" else of_record(record))

    def event(self, record):
        """The same, of an event."""
        inode, pid = (record.kernel.dev, record.kernel.ino), record.process.pid
        effects = OPERATIONS.get(record.op)
        if not effects:
            self.sizes.note(inode, record)
            return []
        held = self.held.get(inode, pid)
        if held is None and record.op in ("create", "truncate"):
            for change in of_record(record):
                self.begin(inode, pid, change)
            return []
        if held and record.op not in ("rename", "link", "unlink"):
            return self.more(inode, pid, record, effects)
        return self.others(inode, record)

    def begin(self, inode, pid, change):
        """A change that waits for more. An editor's save: the file is moved aside, and made
        again by the same process."""
        moved = self.held.get(change.path, pid)
        if moved and "new" in change.effects:
            change.put_for(moved)
            moved.faces = moved.faces[:1]
        self.held.put(inode, pid, change)

    def more(self, inode, pid, record, effects):
        """One more record of what its process has begun."""
        held = self.held.get(inode, pid)
        held.add(record, effects)
        if record.op == "close":
            held.written(self.sizes.take(inode, record))
        # What an editor made again gets its label after it is closed.
        whole = record.op == "close" and "new" not in held.effects and not held.instead
        return [self.held.pop(inode, pid)] if whole else []

    def others(self, inode, record):
        """A record by itself, after what waits of its inode."""
        changes = of_record(record)
        for change in changes if record.op == "close" else ():
            change.written(self.sizes.take(inode, record))
        waited = self.held.pop_all(inode)
        if any([went(held, record) for held in waited]):
            return waited
        for held in waited:
            settle(held, record, changes)
        if changes and moves_aside(record):
            waited += self.aside(record, changes.pop())
        return waited + changes

    def aside(self, record, change):
        """It waits for its maker to make the file again; another that did so before it, by the
        same name, waits no longer."""
        thing, pid = record.old_path, record.process.pid
        over = [self.held.pop(thing, pid)] if self.held.get(thing, pid) else []
        self.held.put(thing, pid, change)
        return over

    def until(self, time_ns):
        """What has waited long enough by then."""
        return self.held.until(time_ns) + self.unclosed.until(time_ns)

    def waiting(self):
        """The first records that something waits with."""
        first = self.held.first()
        return (first.records[:1] if first else []) + self.unclosed.waiting()

    def finish(self):
        """Everything that waits."""
        return self.held.until(None) + self.unclosed.finish()
