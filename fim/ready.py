"""The file that says that everything is seen."""

import contextlib
import os

from fim.errors import UsageError
from fim.output import environment_error

__all__ = ["ready_file"]


@contextlib.contextmanager
def ready_file(path):
    """Gone before, there while the monitor sees everything, gone after."""
    if path is None:
        yield lambda: None
        return
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise UsageError("fim: %s: there is no such directory" % path)
    remove(path)
    try:
        yield lambda: make(path)
    finally:
        remove(path)


def remove(path):
    """The file is not there afterwards."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise environment_error(path, error)


def make(path):
    """The file is there afterwards, with our pid in it."""
    try:
        with open(path, "w") as file:
            file.write("%d\n" % os.getpid())
    except OSError as error:
        raise environment_error(path, error)
