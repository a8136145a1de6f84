# SPDX-License-Identifier: GPL-2.0-only
"""A running `fim watch`, and its stream, every record of which is checked."""
import collections
import datetime
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, "fim", "dist", "record.schema.json")
START_PATIENCE = 900.0  # an emulated machine compiles for minutes, a busy one for five
PATIENCE = 60.0
PAUSE = 0.02
DIGITS = bytes.maketrans(b"123456789", b"000000000")
AMISS = {"gap", "error", "clock"}


def now_text(ago=0):
    """The wall clock as records have it, so many seconds ago."""
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def validator():
    """Of the published schema."""
    with open(SCHEMA, encoding="utf-8") as file:
        return jsonschema.Draft7Validator(json.load(file))


class Checker:
    """Takes the lines of one stream and checks every one: by the schema (a line
    that differs from one already checked in digits only is not checked again),
    by its number, by its stream, and by the time being within the run.
    """

    schema = validator()

    def __init__(self):
        self.shapes = set()
        self.stream = None
        self.seq = 0
        self.begun = now_text(ago=1)

    def record(self, line):
        """The record in a line; one that is wrong does not make the next ones wrong."""
        self.seq += 1
        record = json.loads(line.decode("utf-8"))
        seq, self.seq = self.seq, record["seq"]
        shape = line.translate(DIGITS)
        if shape not in self.shapes:
            complaint = next(self.schema.iter_errors(record), None)
            assert complaint is None, "%s in %s" % (complaint.message, line.decode())
            self.shapes.add(shape)
        self.stream = self.stream or record["stream"]
        assert (record["stream"], record["seq"]) == (self.stream, seq)
        assert self.begun <= record["time"] <= now_text(), line
        return record


class Stream:
    """The file that a monitor writes, read as it grows."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.checker = Checker()
        self.rest = b""
        self.lines = collections.deque()

    def read(self):
        """The records that have come since the last call, one by one."""
        while self.lines or self.more():
            yield self.checker.record(self.lines.popleft())

    def more(self):
        """Whether whole lines have come."""
        data = self.file.read(1 << 20)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        self.lines.extend(lines)
        return bool(lines)


class Watcher:
    """`fim watch` as a process.

    marks    a watched directory of the watcher's own, where settle() leaves marks
    """

    prefix = ()  # what starts the program

    def __init__(self, directory, paths, *options, form="json"):
        self.directory = str(directory)
        self.marks = os.path.join(self.directory, "marks")
        self.output = os.path.join(self.directory, "records")
        self.errors = os.path.join(self.directory, "errors")
        self.ready = os.path.join(self.directory, "ready")
        self.numbers = itertools.count()
        os.makedirs(self.marks)
        open(self.output, "w").close()
        self.stream = Stream(self.output)
        self.process = self.launch(list(paths) + [self.marks], options, form)

    def launch(self, paths, options, form):
        command = [sys.executable, "-m", "fim", "watch", "--format", form, "--output", self.output,
                   "--ready-file", self.ready]
        with open(self.errors, "wb") as errors:
            return subprocess.Popen(list(self.prefix) + command + list(options) + paths, cwd=ROOT,
                                    stderr=errors, stdin=subprocess.DEVNULL)

    def alive(self):
        """Fails with what the monitor said if it has left."""
        if self.process.poll() is not None:
            with open(self.errors, errors="replace") as file:
                raise AssertionError("fim left with %s: %s" % (self.process.returncode, file.read()))

    def wait_ready(self):
        """Returns itself when everything is seen."""
        end = time.monotonic() + START_PATIENCE
        while not os.path.exists(self.ready):
            self.alive()
            assert time.monotonic() < end, "not ready after %d s" % START_PATIENCE
            time.sleep(PAUSE)
        return self

    def follow(self, patience=PATIENCE):
        """Records as they come; ends when none has come for `patience` seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for record in self.stream.read():
                yield record
                end = time.monotonic() + patience
            self.alive()
            time.sleep(PAUSE)

    def mark(self):
        """Make a mark: the path of a new file."""
        path = os.path.join(self.marks, "m%d" % next(self.numbers))
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return path

    def until(self, mark, patience=PATIENCE):
        """The records before that of `mark`; what older ones there are has come by then."""
        for record in self.follow(patience):
            if record.get("path") == mark:
                return
            yield record
        raise AssertionError("no record for %d s, and %s not seen" % (patience, mark))

    def settle(self):
        """The records of everything done until now, and since the last call."""
        return list(self.until(self.mark()))

    def events(self):
        """The same, and nothing may be amiss."""
        records = self.settle()
        amiss = [record for record in records if record["kind"] in AMISS]
        assert not amiss, amiss
        return [record for record in records if record["kind"] == "event"]

    def stop(self, number=signal.SIGTERM):
        """End it; the last records."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return list(self.stream.read())

    def close(self):
        """End it whatever its state."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
