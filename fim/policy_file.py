"""Policy files: found, their owner checked, read; run by the sandbox alone. Those that were in
force are kept in a daemon's state directory, for a start at which they are refused."""

import glob
import json
import os
import stat
from collections import namedtuple

from fim.errors import PolicyError
from fim.kept import Kept

__all__ = ["DEFAULT", "PolicyFile", "keep", "kept", "read"]

DEFAULT = "/etc/fim/policy.d"
NAME = "policies.json"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

PolicyFile = namedtuple("PolicyFile", "path source")


def refused(path, why, line=None):
    """Said as a compiler would."""
    return PolicyError("fim: %s%s: %s" % (path, ":%d" % line if line else "", why))


def files(places):
    """The files at `places`: themselves, or the *.py of a directory, in order."""
    found = []
    for place in places or [DEFAULT]:
        inside = sorted(glob.glob(os.path.join(glob.escape(place), "*.py")))
        found += inside if os.path.isdir(place) else [place]
        if os.path.isdir(place) and not inside:
            raise refused(place, "there is no *.py in it")
    return [os.path.abspath(path) for path in found]


def check_owner(path, state):
    """It is root's, or of the one who runs this, and nobody else can write there. A directory
    where names are everyone's own (/tmp) will do, since the file is looked at, too."""
    if state.st_uid not in (0, os.geteuid()):
        raise refused(path, "its owner is user %d: chown root" % state.st_uid)
    if state.st_mode & OTHERS_WRITE and not state.st_mode & stat.S_ISVTX:
        raise refused(path, "others can write to it (%04o): chmod go-w"
                      % stat.S_IMODE(state.st_mode))


def read_one(path):
    """One file; what is looked at is what is read."""
    try:
        check_owner(os.path.dirname(path), os.stat(os.path.dirname(path)))
        with open(path, "rb") as file:
            check_owner(path, os.fstat(file.fileno()))
            return PolicyFile(path, file.read().decode("utf-8"))
    except OSError as error:
        raise refused(path, error.strerror)
    except UnicodeDecodeError:
        raise refused(path, "not UTF-8")


def read(places):
    """[PolicyFile] of files and directories; PolicyError."""
    return [read_one(path) for path in files(places)]


def keep(state, found):
    """Those that are in force. OSError."""
    Kept(state, NAME).write(json.dumps(found).encode("ascii"))


def kept(state):
    """[PolicyFile] of those that were in force last; none where that is not known."""
    try:
        return [PolicyFile(path, source)
                for path, source in json.loads(Kept(state, NAME).read().decode("ascii"))]
    except (AttributeError, ValueError, TypeError):
        return []
