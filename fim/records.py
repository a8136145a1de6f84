"""Records as Python objects: attributes instead of keys, and the time as a datetime."""

import contextlib
import datetime
import gzip
import json
import os

from fim.segments import Segments

__all__ = ["Record", "read", "streams"]


class Fields:
    """A JSON object whose members are attributes; a member that is not there is None."""

    def __init__(self, members):
        self._members = members

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return wrap(self._members.get(name))

    def as_dict(self):
        """The JSON object itself, as a dictionary."""
        return self._members

    def __repr__(self):
        return "%s(%r)" % (type(self).__name__, self._members)


class Record(Fields):
    """One record of a stream (architecture: Records)."""

    @classmethod
    def of_line(cls, line):
        """The record in one line of a stream, bytes or text."""
        return cls(json.loads(line if isinstance(line, str) else line.decode("utf-8")))

    @property
    def time_ns(self):
        """Nanoseconds since 1970, UTC."""
        seconds, fraction = self._members["time"].rstrip("Z").split(".")
        moment = datetime.datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S")
        epoch = datetime.datetime(1970, 1, 1)
        return int((moment - epoch).total_seconds()) * 10**9 + int(fraction)

    @property
    def time(self):
        """An aware datetime, cut to microseconds."""
        seconds, nanoseconds = divmod(self.time_ns, 10**9)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        return moment.replace(microsecond=nanoseconds // 1000)


def wrap(value):
    """Objects within a record have attributes too."""
    return Fields(value) if isinstance(value, dict) else value


def read(source):
    """Iterate the records of a file (.gz: compressed) or an open stream of JSON lines, or of a
    journal, by its directory; needs no root. What a crash left of a last line is passed over."""
    if hasattr(source, "read"):
        for record in records_of(source):
            yield record
        return
    path = os.fsdecode(source)
    of_journal = os.path.isdir(path)
    for _, file in streams(path):
        for record in records_of(file):
            if record.seq is not None or not of_journal:  # not what it writes of itself
                yield record


def records_of(lines):
    """Those of a stream."""
    for line in lines:
        try:
            yield Record.of_line(line)
        except ValueError:
            if line.endswith(b"\n" if isinstance(line, bytes) else "\n"):
                raise


def streams(path):
    """(name, binary file) of what has records there: a file, or a journal's segments in order."""
    if os.path.isdir(path):
        with contextlib.closing(Segments(os.path.realpath(path))) as segments:
            for number in segments.numbers():
                with segments.reader(number) as file:
                    yield os.path.join(path, segments.name(number)), file
        return
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        yield path, file
