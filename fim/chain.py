"""The chain of a journal: behind every batch of records a line that holds it fast.

    {"v":1,"kind":"chain","link":7,"stream":"9f…","first":1201,"last":1400,"records":200,
     "time":"…","sha256":"…","previous":"…"}

`sha256` is over the bytes of the lines since the chain line before, `previous` over the bytes
of that line itself, newline included (64 zeroes in the first). That is the whole rule.
`link` counts from 1. A batch is of one stream, `first` to `last`, or else of lines that the
journal wrote of itself, which have no number: then the three are null. With a key, `seal` is
the last member: HMAC-SHA256 over the bytes of the line before it.
"""

import collections
import hashlib
import hmac
import json
import re

from fim.facts import time_text

__all__ = ["CHAIN_START", "GENESIS", "Head", "Link", "NOTE_START", "compact", "head_of",
           "is_sealed", "link_line", "parse_link"]

GENESIS = "0" * 64
NOTE_START = b'{"v":1,"kind":"segment",'
CHAIN_START = b'{"v":1,"kind":"chain",'
SEAL_START = b',"seal":"'
SEAL = re.compile(br',"seal":"([0-9a-f]{64})"\}\n\Z')
# Of a record, as ext/record.c writes it, or as fim/stream.py does.
HEAD = re.compile(br'\{"v": ?1, ?"kind": ?"\w+", ?"seq": ?(\d+), ?"stream": ?"([0-9a-f]+)"')

# Where a journal stands: the number of its last chain line, the hash of that, and the last record
# up to there: its stream and number, None: none is known.
Head = collections.namedtuple("Head", "link hash stream seq")
Head.__new__.__defaults__ = (None, None)
# What a chain line says.
Link = collections.namedtuple("Link", "link stream first last records time sha256 previous")
NONE = type(None)
TYPES = Link([int], [str, NONE], [int, NONE], [int, NONE], [int], [str], [str], [str])


def numbered(line):
    """(seq, stream) of a record, (None, None) of a line that has none."""
    match = HEAD.match(line)
    return (int(match.group(1)), match.group(2).decode("ascii")) if match else (None, None)


def compact(members):
    """A line of the journal's own, without its end."""
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def head_of(link, line, before=Head(0, GENESIS)):
    """Where the journal stands behind this chain line, the Link `link`, and behind the Head
    `before`: it may be of lines of the journal's own, that are no records."""
    last = before[2:] if link.last is None else (link.stream, link.last)
    return Head(link.link, hashlib.sha256(line).hexdigest(), *last)


def link_line(batch, head, now_ns, key=None):
    """The chain line, as bytes, for the lines in `batch` behind `head`."""
    first, stream = numbered(batch)
    last, _ = numbered(batch[batch.rfind(b"\n", 0, -1) + 1:])
    link = Link(head.link + 1, stream, first, last, batch.count(b"\n"), time_text(now_ns),
                hashlib.sha256(batch).hexdigest(), head.hash)
    line = compact(dict(v=1, kind="chain", **link._asdict()))
    if key is None:
        return line + b"\n"
    return line[:-1] + SEAL_START + seal_of(line[:-1], key).encode("ascii") + b'"}\n'


def parse_link(line):
    """The Link in a chain line; ValueError if it is none."""
    try:
        members = json.loads(line.decode("ascii"))
        link = Link(*[members[name] for name in Link._fields])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error))
    if not all(type(value) in types for value, types in zip(link, TYPES)):
        raise ValueError("members of another kind")
    return link


def seal_of(start, key):
    """The seal over a chain line's bytes up to it."""
    return hmac.new(key, start, hashlib.sha256).hexdigest()


def is_sealed(line, key):
    """Whether the seal in a chain line is that of the key."""
    match = SEAL.search(line)
    return bool(match) and hmac.compare_digest(
        match.group(1).decode("ascii"), seal_of(line[:match.start()], key))
