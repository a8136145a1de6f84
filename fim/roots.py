"""What is named on the command line: roots to watch."""

import os
import subprocess

from fim.errors import UsageError

__all__ = ["roots"]

PATIENCE = 10.0  # seconds; asking takes milliseconds


def answers(path):
    """Whether a look at `path` comes back. Another process looks: one whose server is gone
    hangs who asks."""
    asker = subprocess.Popen(["test", "-e", os.path.join(path, ".")], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asker.wait(PATIENCE)
        return True
    except subprocess.TimeoutExpired:
        asker.kill()  # and left, since it may not die either
        return False


def roots(paths):
    """Absolute paths to watch: a symbolic link, and what it leads to."""
    if not paths:
        raise UsageError("fim: nothing to watch: name at least one path")
    found = []
    for path in paths:
        path = os.fspath(path)
        if not path:
            raise UsageError("fim: a path is empty: name . for this directory")
        if not answers(path):
            raise UsageError("fim: %s: its file system does not answer: is its server gone?" % path)
        directory, name = os.path.split(os.path.abspath(path))
        if not os.path.isdir(directory):
            raise UsageError("fim: %s: there is no directory %s: name a path in one that exists"
                             % (path, directory))
        link = os.path.join(os.path.realpath(directory), name) if name else directory
        found.append(link)
        if os.path.islink(link) and os.path.exists(link):
            found.append(os.path.realpath(link))
    return list(dict.fromkeys(found))
