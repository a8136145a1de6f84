"""Paths of any length, in pieces that the kernel takes."""

import contextlib
import os

__all__ = ["reached"]

LONGEST = 4000  # bytes; PATH_MAX is 4096, and every piece begins at a descriptor
PIECE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def reached(path):
    """A path, bytes, by which system calls reach what `path` names while this lasts. OSError."""
    directory = None
    try:
        while len(path) > LONGEST:
            cut = path.rindex(b"/", 1, LONGEST)
            before, directory = directory, os.open(path[:cut], PIECE)
            if before is not None:
                os.close(before)
            path = b"/proc/self/fd/%d%s" % (directory, path[cut:])
        yield path
    finally:
        if directory is not None:
            os.close(directory)
