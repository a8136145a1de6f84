"""Where lines go: standard output or a file; complaints go to standard error, one line each."""

import contextlib
import errno
import os
import sys

from fim.errors import FimError
from fim.sinks import documents

__all__ = ["Sink", "complain", "environment_error", "drop", "flush", "opened", "shown"]

SAFE = os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO that nobody reads is not waited for


def environment_error(path, error):
    """An OSError in words."""
    return FimError("fim: %s: %s" % (path, error.strerror))


@contextlib.contextmanager
def opened(path, form="json", replace=False):
    """Where lines go: a file appended to (or replaced), or standard output; unbuffered bytes.

    `form` is what JSON lines are written as; lines for people pass as they are.
    """
    document = documents(form) if form in ("ecs", "ocsf") else None
    if path is None:
        if sys.stdout is None:
            raise FimError("fim: standard output is closed: name an --output")
        yield Sink("standard output", sys.stdout.fileno(), document)
        return
    try:
        how = os.O_TRUNC if replace else os.O_APPEND
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how | SAFE, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise FimError("fim: %s: nobody reads it: start its reader first" % path)
        raise environment_error(path, error)
    os.set_blocking(descriptor, True)
    try:
        yield Sink(path, descriptor, document)
    finally:
        os.close(descriptor)


class Sink:
    """A descriptor with a name for complaints; each write is whole lines."""

    def __init__(self, name, descriptor, document=None):
        self.name = name
        self.descriptor = descriptor
        self.document = document

    def write(self, lines):
        """All of `lines`, or FimError."""
        if self.document:
            lines = b"".join(self.document(line) + b"\n" for line in lines.split(b"\n")[:-1])
        try:
            while lines:
                lines = lines[os.write(self.descriptor, lines):]
        except OSError as error:
            raise environment_error(self.name, error)


def complain(message):
    """One line on standard error, whatever is in it, if that is there."""
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.buffer.write((shown(message) + "\n").encode("utf-8"))
        sys.stderr.flush()


def shown(message):
    """A line in which no name acts on a terminal, and that can be written as UTF-8."""
    text = name_bytes(message).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "\\x%02x" % ord(char) for char in text)


def name_bytes(text):
    """As file names are encoded here, or, where that has not all of it, as UTF-8."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def flush():
    """What was printed is written, or FimError."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        drop(sys.stdout)
        raise environment_error("standard output", error)


def drop(stream):
    """What cannot be written is let go: the interpreter would change the exit status for it."""
    try:
        if stream:
            stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
