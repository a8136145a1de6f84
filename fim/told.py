"""What a journal said of each name since it stood at a link: after a crash, whoever follows it
believes more than was kept of it (fim/observed.py)."""

import base64
import contextlib
import json
import re

from fim.chain import parse_link
from fim.facts import mode_of, nanoseconds_of
from fim.verify import BAD_FILE, batches

__all__ = ["NOTHING", "Words", "last_words", "lines_since"]

NOTHING = ()  # the name is gone
# Of a mount point or a device: no name comes, goes or changes by them.
OTHER = ("mount", "umount", "open")
GONE = ("unlink", "rmdir")
# The start of a record of a kind that tells something of a name; there is no reading the others.
TELLING = re.compile(br'\{(?:"v": ?1, ?)?"kind": ?"(?:event|reconcile|found)"')
HARMED = (ValueError, KeyError, TypeError, RecursionError)


def link_of(chain):
    """The number in a chain line, None where it is none any more."""
    with contextlib.suppress(ValueError):
        return parse_link(chain).link


def first_link(segments, number):
    """Of the first chain line of a segment that can be read, None where none can."""
    with contextlib.suppress(*BAD_FILE), segments.reader(number) as file:
        return next(filter(None, (link_of(chain) for _, chain in batches(file) if chain)), None)


def needed(segments, link):
    """The segments that have what is behind that link, oldest first."""
    numbers = segments.numbers()
    for place in reversed(range(len(numbers))):
        if (first_link(segments, numbers[place]) or link + 1) <= link:
            return numbers[place:]
    return numbers


def chained(segments, number, harmed):
    """(link, lines) of each batch of a segment, the link None where its chain line is none."""
    try:
        with segments.reader(number) as file:
            for lines, chain in batches(file):
                if chain:
                    yield link_of(chain), lines
    except BAD_FILE as error:
        harmed.append("segment %d: %s" % (number, error))


def lines_since(segments, link, harmed, breathe=lambda: None):
    """Records behind that link, oldest first, as bytes; what cannot be read is passed over, and
    said in the list `harmed`. Only a batch is in memory; `breathe` is called with each."""
    at = 0
    for number in needed(segments, link):
        for found, lines in chained(segments, number, harmed):
            if found is None:
                harmed.append("segment %d: no chain line that fim writes" % number)
            at = found or at + 1
            breathe()
            if at > link:
                yield from lines.splitlines()


def name_in(record, member):
    """Bytes, None where it has none."""
    if member + "_b64" in record:
        return base64.b64decode(record[member + "_b64"])
    return record[member].encode("utf-8") if record.get(member) else None


def numbers_of(file):
    """Arguments of _core.Session.told() behind the path; what is not known is 0."""
    return (mode_of(file["type"], file["mode"]),) + tuple(
        file.get(word) or 0 for word in ("uid", "gid", "size", "nlink")) + tuple(
            nanoseconds_of(file[word]) if file.get(word) else 0 for word in ("mtime", "ctime"))


def is_of_names(record):
    """Whether it was done, and by what name is known."""
    return (record["op"] not in OTHER and record["result"] == "success" and record["file"]
            and record["path_complete"])


def of_event(record):
    """(path, NOTHING or numbers) of each name that it is about. What was done to a deleted file
    says nothing of the name that it had: that may be another's."""
    gone = record["op"] in GONE
    if not is_of_names(record):
        return
    if record["op"] == "rename" and not record["exchange"]:
        yield name_in(record, "old_path"), NOTHING
    if gone or not record["deleted"]:
        yield name_in(record, "path"), NOTHING if gone else numbers_of(record["file"])


def of_state(record):
    """Of a name that was found, or found missing."""
    yield name_in(record, "path"), numbers_of(record["file"]) if record["file"] else NOTHING


TELLS = {"event": of_event, "reconcile": of_state, "found": of_state}


class Words:
    """The last word of each path, by its components: a directory moves with all that is in it."""

    def __init__(self):
        self.top = [None, None]  # the word, {component: another of these}; None: there is none

    def at(self, path):
        """The place of a path, made if it is not there."""
        place = self.top
        for name in path.split(b"/")[1:]:
            if place[1] is None:
                place[1] = {}
            place = place[1].setdefault(name, [None, None])
        return place

    def move(self, old, new):
        """What is said of names in a directory goes with it."""
        source, target = self.at(old), self.at(new)
        source[1], target[1] = None, source[1]

    def exchange(self, old, new):
        """Two change places, with all that is in them."""
        source, target = self.at(old), self.at(new)
        source[:], target[:] = target[:], source[:]

    def items(self):
        """(path, word) of each that there is one of."""
        left = [(b"", self.top)]
        while left:
            path, (word, below) = left.pop()
            if word is not None:
                yield path, word
            left += [(path + b"/" + name, place) for name, place in (below or {}).items()]


def rename(words, record):
    """What was said of more than the two names themselves."""
    old, new = name_in(record, "old_path"), name_in(record, "path")
    if not old or not new:
        return
    if record["exchange"]:
        words.exchange(old, new)
        place = words.at(old)
        if place[0]:  # both have the time of the act
            place[0] = place[0][:-1] + numbers_of(record["file"])[-1:]
    elif record["file"]["type"] == "directory":
        words.move(old, new)


def take(words, record):
    """The last word of each name, so far."""
    if record.get("op") == "rename" and is_of_names(record):
        rename(words, record)
    for path, word in TELLS[record["kind"]](record):
        if path:
            words.at(path)[0] = word


def last_words(lines):
    """(path, NOTHING or numbers) of records, as bytes; a line that is none is passed over."""
    words = Words()
    for line in filter(TELLING.match, lines):
        with contextlib.suppress(*HARMED):
            take(words, json.loads(line.decode("utf-8")))
    return words.items()
