"""A walk through a tree, as the baseline sees it: every name with what stat says of it. No root
is needed, nothing is hashed, nothing is kept."""

import os

from fim import _core
from fim.facts import members
from fim.records import Fields
from fim.stream import path_members

__all__ = ["Name", "Scan"]

ALGORITHM = "sha256"  # of nothing: a quick survey reads no content
WAIT_MS = 1000


class Name(Fields):
    """One name: `path`, `type`, `mode`, `uid`, `gid`, `size`, `mtime`, ... as records have them."""


class Scan:
    """Iterates the Names at and below a path, in the byte order of their paths; a mount below is
    entered as by `fim init`. OSError: the path is not there.

    unseen  [(path, why)] of what could not be looked at, once it is over
    """

    def __init__(self, path, one_file_system=False):
        root = os.path.abspath(os.fsencode(path))
        os.lstat(root)
        self.unseen = []
        self.names = self.walk(root, one_file_system)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.names)

    def walk(self, root, one_file_system):
        """All of them."""
        survey = _core.Survey((root,), ALGORITHM, len(os.sched_getaffinity(0)), quick=True,
                              one_file_system=one_file_system)
        try:
            batch = survey.next(WAIT_MS)
            while batch is not None:
                for path, facts in batch:
                    yield Name(dict(path_members("path", path), **members(facts)))
                batch = survey.next(WAIT_MS)
            self.unseen = [(os.fsdecode(path), why or os.strerror(number))
                           for path, number, why in sorted(set(survey.notices()),
                                                           key=lambda notice: notice[:2])]
        finally:
            survey.close()
