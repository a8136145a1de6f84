"""Searching a journal: which records are asked for.

What cannot be in a batch by its bytes is not parsed.
"""

import fnmatch
import json
import os
import re

from fim.verify import BAD_FILE, batches

__all__ = ["NO_RECORD", "Query", "search"]

NO_RECORD = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

PLAIN = re.compile(r"[\w./+ -]+", re.ASCII)
GLOB = re.compile(r"[*?[]")
TIME = re.compile(br'"time": ?"([^"]{30})"')
OWN = ("chain", "segment")  # lines of the journal itself: only when asked for by kind
PATHS = ("path", "old_path", "target_path")


def names_it(pattern, path):
    """Whether a path is the one, or below it, or fits the shell pattern."""
    if path is None:
        return False
    if GLOB.search(pattern):
        return fnmatch.fnmatchcase(path, pattern)
    return path == pattern or path.startswith(pattern.rstrip("/") + "/")


def by_path(record, pattern):
    """By any of its names."""
    paths = [record.get(name) for name in PATHS] + (record.get("known_paths") or [])
    return any(names_it(pattern, path) for path in paths)


def by_exe(record, pattern):
    """By its program: a path, or the last name of it."""
    exe = (record.get("process") or {}).get("exe")
    if exe and "/" not in pattern:
        exe = os.path.basename(exe)
    return bool(exe) and fnmatch.fnmatchcase(exe, pattern)


def by_user(record, user):
    """By its user, or the one who had logged in: a name or a number."""
    process = record.get("process") or {}
    return user in {process.get("user"), process.get("login_user"), str(process.get("uid")),
                    str(process.get("auid"))}


TESTS = {
    "path": by_path,
    "op": lambda record, op: record.get("op") == op,
    "exe": by_exe,
    "user": by_user,
    "kind": lambda record, kind: record["kind"] == kind,
}
# What a batch must contain for one of its records to pass.
NEEDLES = {"path": "%s", "exe": "%s", "op": '"%s"', "kind": '"%s"'}


def needle(name, value):
    """Bytes without which no record fits; b"" where that cannot be said."""
    if name not in NEEDLES or not PLAIN.fullmatch(value):
        return b""
    return (NEEDLES[name] % value.rstrip("/")).encode("ascii")


class Query:
    """What is asked for: `asked` is {name of TESTS: [value, …]}, one of each must fit; between
    the RFC 3339 texts since and until."""

    def __init__(self, asked, since=None, until=None):
        self.asked = {name: values for name, values in asked.items() if values}
        self.since = since.encode("ascii") if since else b""
        self.until = until.encode("ascii") if until else b"9999"
        self.needles = [[needle(name, value) for value in values]
                        for name, values in self.asked.items()]

    def may_be_in(self, lines):
        """Whether one of these could fit, by their bytes."""
        return all(any(part in lines for part in parts) for parts in self.needles)

    def fits(self, line):
        """The record in a line if it is asked for, else None."""
        time = TIME.search(line)
        if not (self.may_be_in(line) and time and self.since <= time.group(1) < self.until):
            return None
        record = json.loads(line.decode("utf-8"))
        if record["kind"] in OWN and "kind" not in self.asked:
            return None
        fits = all(any(TESTS[name](record, value) for value in values)
                   for name, values in self.asked.items())
        return record if fits else None


def fitting(file, query):
    """(line, record) of one segment; a line that is no record is passed over, since telling of
    that is what verify is for."""
    for lines, chain in batches(file):
        if not query.may_be_in(lines + chain):
            continue
        for line in lines.splitlines(True) + [chain]:
            try:
                record = query.fits(line)
            except NO_RECORD:
                continue
            if record:
                yield line, record


def search(segments, query, complain):
    """(line, record) of all that fit, oldest first. `complain` is told of segments that
    cannot be read to their end."""
    for number in segments.numbers():
        try:
            with segments.reader(number) as file:
                for found in fitting(file, query):
                    yield found
        except BAD_FILE as error:
            complain("%s: %s: see fim verify" % (segments.name(number), error))
