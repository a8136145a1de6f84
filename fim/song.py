"""A song: every act in one scratch directory, and what was heard of it."""

import contextlib
import time

from fim.acts import ACTS, FURNITURE, PATHS

__all__ = ["Song"]


def member(record, path):
    """What is at "a.b" of a record."""
    for name in path.split("."):
        record = (record or {}).get(name)
    return record


class Song:
    """Every act in one scratch directory, and what was heard of it.

    wanted   {operation: {member: value}} of what was done
    heard    operations whose record came, and was right
    wrong    {operation: what its record says, and should say}
    refused  {operation: why} of what the file system there cannot do
    done     when it was sung to its end, by time.monotonic(); None: not yet
    """

    def __init__(self, scratch):
        self.scratch = scratch
        self.wanted, self.wrong, self.refused = {}, {}, {}
        self.heard = set()
        self.done = None

    def sing(self, without=(), breathe=lambda: None):
        """Do every act but those named, and `breathe` after each."""
        for act in ACTS:
            if act.operation not in without:
                self.do(act)
                breathe()
        with contextlib.suppress(OSError):  # somebody cleans up behind us; it is read-only by now
            self.scratch.clear(FURNITURE)
        self.done = time.monotonic()

    def do(self, act, path=None):
        """One of them; by another way to the scratch where `path` is one."""
        try:
            act.perform(path or self.scratch.path)
            self.wanted.update(act.expected)
        except (OSError, ValueError) as error:  # mmap's, of a file that a full disk left empty
            why = getattr(error, "strerror", None) or str(error)
            self.refused.update(dict.fromkeys(act.expected, why))

    def hear(self, record):
        """Take a record, if it is of this song."""
        path = record["path"] or ""
        _, found, inside = path.partition("/%s/" % self.scratch.name)
        operation = record["op"]
        if not found or operation in self.heard or operation not in self.wanted:
            return
        wrong = next(self.differences(record, self.wanted[operation]), None)
        if wrong is None:
            self.heard.add(operation)
            self.wrong.pop(operation, None)
        elif inside == self.wanted[operation]["path"]:
            self.wrong[operation] = wrong

    def differences(self, record, expected):
        """What the record says wrongly, in words."""
        for name, value in expected.items():
            got = member(record, name)
            right = (str(got).endswith("/%s/%s" % (self.scratch.name, value)) if name in PATHS
                     else got == value)
            if not right:
                yield "its record says %s %s for %s" % (name, got, value)

    def silent(self):
        """What was done and not heard, or not rightly."""
        return set(self.wanted) - self.heard
