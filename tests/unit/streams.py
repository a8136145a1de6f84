# SPDX-License-Identifier: GPL-2.0-only
"""Recorded streams: tests/system/attacks.py in a guest, kernel 6.1.0-56-amd64 of Debian 12, /etc and
the other places on ext4. Split at the marks that it made."""
import os

import fim

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "streams")
ATTACKS, WAYS, LINKS, DAY, MORE = (os.path.join(HERE, name + ".jsonl") for name in (
    "attacks", "ways", "links", "day", "more"))
MARKS = "/mnt/ext4/policy-marks/"


def lines_of(path):
    """As the monitor wrote them."""
    with open(path, "rb") as file:
        return file.read()


def acts(path):
    """{mark: [Record]} of a stream."""
    found, at = {}, None
    for record in fim.read(path):
        if record.path and record.path.startswith(MARKS):
            at = found.setdefault(record.path[len(MARKS):], [])
        elif at is not None:
            at.append(record)
    return found
