# SPDX-License-Identifier: GPL-2.0-only
"""Streams of the attacks of tests/system/attacks.py, for tests without a kernel.

They were recorded in the virtual machine on Debian 12's 6.1, ext4; `make streams` does it again.
"""
import atexit
import gzip
import os
import shutil
import sys
import tempfile

from core_build import ROOT

sys.path.append(os.path.join(ROOT, "tests", "system"))
import attacks  # noqa: E402

# What attacks.py does since they were recorded, by stream; gone from here when they are again.
NOT_RECORDED = {
    "attacks": {"in place", "tool setuid"},
    "links": {"pam", "timestomp", "tool setuid"},
    "day": {"dpkg", "cron"},  # programs
}
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "streams")
MARKS = attacks.MARKS + "/"


def unpacked(directory, name):
    """The path of a stream as `fim watch` wrote it."""
    path = os.path.join(directory, name + ".jsonl")
    with gzip.open(os.path.join(RECORDED, name + ".jsonl.gz")) as packed, open(path, "wb") as file:
        shutil.copyfileobj(packed, file)
    return path


DIRECTORY = tempfile.mkdtemp(prefix="fim-streams-")
atexit.register(shutil.rmtree, DIRECTORY, True)
ATTACKS, WAYS, LINKS, DAY, MORE = (unpacked(DIRECTORY, name)
                                   for name in ("attacks", "ways", "links", "day", "more"))


def lines_of(path):
    """As they are."""
    with open(path, "rb") as file:
        return file.read()


def content_of(event, before, after, count=1):
    """The `content` record that fim run has of a file after an event; `before` None: unknown."""
    record = {key: event[key] for key in ("v", "stream", "time", "host", "labels", "path")}
    file = {key: event["file"][key] for key in ("dev", "ino", "size", "mtime", "ctime")}
    changed = {"hash": {"before": before, "after": after}} if after and before != after else None
    return dict(record, kind="content", seq=10**6 + event["seq"], event=event["seq"], count=count,
                file=file, hash=after and {"sha256": after}, reason=None if after else "too large",
                hash_state="stable" if after else "skipped", changed=changed,
                against="observed" if before else None)


def acts(path):
    """{mark: [Record]} of a stream."""
    import fim
    found, at = {}, None
    for record in fim.read(path):
        if record.path and record.path.startswith(MARKS):
            at = found.setdefault(record.path[len(MARKS):], [])
        elif at is not None:
            at.append(record)
    return found
