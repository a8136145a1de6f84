"""Files that are written to and stay open: what is in them is judged at the close, and where none
comes, once, as it is.

A close tells of what was written by its process, or by others of its control group and session:
a shell's child writes to what the shell opens and closes. Others' is still to be told.
"""

import collections

from fim.change import Change, Face, names_of

__all__ = ["Unclosed"]

OPEN_NS = 10 * 10**9  # how long a close is waited for
MOST_OPEN = 4096      # that wait for one; as many that were judged are remembered
MOST_RECORDS = 8192   # that pass meanwhile: fim/worker.py keeps what is not judged


def act_of(record):
    """(inode, whose act it is): one close tells of all of that."""
    process = record.process
    return (record.kernel.dev, record.kernel.ino), (process.cgroup, process.ses)


def who_of(record):
    """The process."""
    return record.process.entity_id or record.process.pid


def mono_of(record):
    """When, by a clock that is never set."""
    return record.mono_ns or 0


class File:
    """One that is written to: its names by now, and {act: {process: Writing}}."""

    def __init__(self, names):
        self.names = names
        self.acts = {}


class Writing:
    """One process writes to one file; `number` records had come before."""

    def __init__(self, file, record, number):
        self.file, self.record, self.number = file, record, number
        self.due = record.time_ns + OPEN_NS

    def change(self):
        """What may have come of it."""
        return Change(self.record, [Face(self.file.names, ("content",))])


class Unclosed:
    """Of one stream, in the order of its records."""

    def __init__(self):
        self.files = {}                          # inode: File
        self.begun = collections.OrderedDict()   # Writing: None; those that wait
        self.told = collections.OrderedDict()    # the same, of those that were judged
        self.closed = collections.OrderedDict()  # act: when it last closed the file
        self.number = 0                          # of records

    def see(self, record, followed):
        """An event. `followed`: whether anybody wants to know what was written."""
        inode, _ = act = act_of(record)
        if record.op == "modify" and followed:
            self.begin(act, record)
        elif record.op == "close":
            self.end(act, record)
        elif record.op in ("rename", "link") and inode in self.files:
            self.files[inode].names = names_of(record)
        elif record.op == "unlink" and record.file.nlink == 0 and inode in self.files:
            self.drop(inode)

    def begin(self, act, record):
        """Not for the first time, perhaps; or what is told late, of many, was closed since."""
        inode, whose = act
        if self.closed.get(act, -1) > mono_of(record):
            return
        file = self.files.setdefault(inode, File(names_of(record)))
        writers = file.acts.setdefault(whose, {})
        who = who_of(record)
        if who not in writers:
            writers[who] = Writing(file, record, self.number)
            self.begun[writers[who]] = None

    def end(self, act, record):
        """Its close tells of it."""
        inode, whose = act
        self.closed.pop(act, None)
        self.closed[act] = mono_of(record)
        if len(self.closed) > MOST_OPEN:
            self.closed.popitem(last=False)
        if inode in self.files:
            self.leave(inode, whose)

    def leave(self, inode, whose):
        """Nothing more is expected of an act."""
        file = self.files[inode]
        for writing in file.acts.pop(whose, {}).values():
            self.begun.pop(writing, None)
            self.told.pop(writing, None)
        if not file.acts:
            del self.files[inode]

    def drop(self, inode):
        """Nor of any: nobody can find what is in the file."""
        for whose in list(self.files[inode].acts):
            self.leave(inode, whose)

    def until(self, time_ns):
        """The changes that no close has told of by then; None: all."""
        found = []
        while self.begun and self.is_over(next(iter(self.begun)), time_ns):
            writing, _ = self.begun.popitem(last=False)
            found.append(writing.change())
            self.remember(writing)
        return found

    def is_over(self, writing, time_ns):
        """Whether its close was waited for long enough."""
        return (time_ns is None or writing.due <= time_ns or len(self.begun) > MOST_OPEN
                or self.number - writing.number > MOST_RECORDS)

    def remember(self, writing):
        """It was judged, and is not again before it is closed."""
        self.told[writing] = None
        if len(self.told) > MOST_OPEN:
            oldest, _ = self.told.popitem(last=False)
            inode, whose = act_of(oldest.record)
            del self.files[inode].acts[whose][who_of(oldest.record)]
            if not self.files[inode].acts[whose]:
                self.leave(inode, whose)

    def waiting(self):
        """[The first record that waits], or none."""
        return [next(iter(self.begun)).record] if self.begun else []

    def finish(self):
        """Everything that waits; times to come may be of another clock."""
        self.closed.clear()
        return self.until(None)
