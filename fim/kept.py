"""Files of the state directory that a daemon leaves for its next start: root's, and nobody else's
to read or to write."""

import contextlib
import os
import stat

__all__ = ["Kept"]

OTHERS = stat.S_IRWXG | stat.S_IRWXO
SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


class Kept:
    """One of them; without a state directory nothing is kept."""

    def __init__(self, state, name):
        self.path = os.path.join(state, name) if state else None

    def read(self):
        """What is in it; None where there is nothing that can be trusted."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | SAFE) if self.path else None
        except OSError:
            return None
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            ours = state.st_uid in (0, os.geteuid()) and not state.st_mode & OTHERS
            return file.read() if ours and stat.S_ISREG(state.st_mode) else None

    def write(self, data):
        """By rename, so that nobody finds half of it. OSError."""
        if self.path:
            self.put(self.path + ".new", os.O_TRUNC, data)
            os.rename(self.path + ".new", self.path)

    def append(self, data):
        """More of it. OSError."""
        if self.path and data:
            self.put(self.path, os.O_APPEND, data)

    @staticmethod
    def put(path, how, data):
        """Into a file that is made if need be."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how | SAFE, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

    def drop(self):
        """Nothing is kept any more."""
        with contextlib.suppress(OSError):
            if self.path:
                os.unlink(self.path)
