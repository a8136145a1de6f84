"""What small text files said when they were approved, so that a check can show the difference;
and what is never kept nor shown, whoever asks for it."""

import difflib
import fnmatch
import hashlib
import os
import stat

from fim.facts import unpack

__all__ = ["SECRET", "difference_of", "keep", "selected"]

LARGEST = 1 << 16  # bytes
MOST_LINES = 500   # of a difference

SECRET = (b"*/shadow*", b"*/gshadow*", b"*/opasswd*", b"*_key", b"*.key", b"*.pem", b"*.p12",
          b"*.pfx", b"*.jks", b"*.keytab", b"*.kdbx", b"*/.ssh/id_*", b"*/ssl/private/*",
          b"*/.netrc", b"*/.pgpass", b"*/.my.cnf", b"*htpasswd*", b"*credentials*", b"*secret*",
          b"*/.gnupg/*", b"*/NetworkManager/system-connections/*", b"*/wpa_supplicant*")


def matches(path, patterns):
    """Whether it is one of these."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def selected(path, scope):
    """Whether this path's content may be kept and shown, and is to be."""
    return matches(path, scope.diff) and not matches(path, scope.never + list(SECRET))


def opened(path):
    """For reading, without a trace where that is allowed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return open(os.open(path, flags | os.O_NOATIME), "rb")
    except PermissionError:
        return open(os.open(path, flags), "rb")


def is_of(content, facts, algorithm):
    """Whether these are the bytes that were hashed."""
    return hashlib.new(algorithm, content).digest() == unpack(facts).get("hash")


def read(path, facts, algorithm):
    """The bytes of a small text file, if they are those of which the facts are; or None."""
    values = unpack(facts)
    if not stat.S_ISREG(values["type"]) or values["size"] > LARGEST:
        return None
    try:
        with opened(path) as file:
            content = file.read(LARGEST + 1)
        return content if b"\0" not in content and is_of(content, facts, algorithm) else None
    except (OSError, ValueError):  # gone; or a hash that hashlib has not
        return None


def keep(database, scope, path, facts):
    """What is approved of `path` is `facts`: its content goes with them, or goes."""
    wanted = facts is not None and selected(path, scope)
    database.keep(path, read(path, facts, scope.algorithm) if wanted else None)


def lines_of(content):
    """Text in lines, whatever the bytes are."""
    return content.decode("utf-8", "backslashreplace").splitlines()


def difference_of(database, scope, finding):
    """The unified difference of a changed file, in lines; [] where it is not to be shown, or
    not known any more."""
    names = [name for name in (finding.path, finding.old_path) if name]
    if "hash" not in finding.changed or not all(selected(name, scope) for name in names):
        return []
    before, after = database.kept(finding.path), read(finding.path, finding.after, scope.algorithm)
    if before is None or after is None or not is_of(before, finding.before, scope.algorithm):
        return []
    lines = list(difflib.unified_diff(lines_of(before), lines_of(after), "approved", "now",
                                      lineterm=""))
    cut = ["... and %d lines more" % (len(lines) - MOST_LINES)] if len(lines) > MOST_LINES else []
    return lines[:MOST_LINES] + cut
