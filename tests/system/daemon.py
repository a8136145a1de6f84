# SPDX-License-Identifier: GPL-2.0-only
"""A running `fim run`, and its journal."""
import contextlib
import json
import os
import subprocess
import sys
import time

from fim.segments import Segments
from watcher import DIGITS, PATIENCE, PAUSE, ROOT, START_PATIENCE, validator


class Daemon:
    """A `fim run`, and its journal."""

    schema = validator()

    def __init__(self, state, *paths, options=()):
        self.state = str(state)
        self.paths = [str(path) for path in paths]
        self.options = list(options)
        self.ready = self.state + ".ready"
        self.errors = self.state + ".errors"
        self.process = None

    def launch(self):
        """Begin to start."""
        command = [sys.executable, "-m", "fim", "run", "--state", self.state, "--heartbeat", "1",
                   "--ready-file", self.ready] + self.options + self.paths
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=errors)

    def __enter__(self):
        self.launch()
        self.wait(lambda: os.path.exists(self.ready), START_PATIENCE)
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait(self, question, patience=PATIENCE):
        """Until the answer is true."""
        end = time.monotonic() + patience
        while not question():
            with open(self.errors) as said:
                assert self.process.poll() is None, said.read()
                assert time.monotonic() < end, said.read()
            time.sleep(PAUSE)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(FileNotFoundError):  # it was still starting
            os.unlink(self.ready)

    def lines(self):
        """Every whole line of the journal."""
        journal = Segments(self.state + "/journal")
        with contextlib.closing(journal):
            for number in journal.numbers():
                with journal.reader(number) as file:
                    yield from (line for line in file if line.endswith(b"\n"))

    def records(self, *kinds):
        """Those of these kinds, of all if none is named."""
        found = [json.loads(line.decode()) for line in self.lines()]
        return [record for record in found if not kinds or record["kind"] in kinds]

    def made(self, directory):
        """The names in this directory whose creation is in the journal."""
        return {record["path"] for record in self.records("event")
                if record["op"] == "create" and os.path.dirname(record["path"]) == str(directory)}

    def told(self, directory, count):
        """Wait until so many are."""
        self.wait(lambda: len(self.made(directory)) >= count)

    def heard_of(self, path):
        """Wait until a record names this path; of a long journal no record is parsed for it."""
        named = json.dumps(path).encode("ascii")
        self.wait(lambda: any(named in line for line in self.lines()))

    def check(self):
        """Every line is by the schema, and the numbers of each stream have no holes."""
        streams, shapes = {}, set()
        for line in self.lines():
            record, shape = json.loads(line.decode()), line.translate(DIGITS)
            if shape not in shapes:  # as watcher.Checker does
                complaint = next(self.schema.iter_errors(record), None)
                assert complaint is None, "%s in %s" % (complaint.message, record)
                shapes.add(shape)
            if record["kind"] not in ("chain", "segment"):
                assert record["seq"] == streams.get(record["stream"], 0) + 1
                streams[record["stream"]] = record["seq"]
        return streams

    def fim(self, verb, *arguments):
        """(exit status, lines)"""
        done = subprocess.run([sys.executable, "-m", "fim", verb, "--state", self.state]
                              + list(arguments), cwd=ROOT, stdout=subprocess.PIPE)
        return done.returncode, done.stdout.decode().splitlines()


def resident(process):
    """KiB of memory."""
    with open("/proc/%d/status" % process.pid) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def create(directory, first, count):
    for number in range(first, first + count):
        os.close(os.open("%s/f%d" % (directory, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def seconds(process):
    """CPU time of a process."""
    with open("/proc/%d/stat" % process.pid) as file:
        members = file.read().rpartition(")")[2].split()
    return (int(members[11]) + int(members[12])) / os.sysconf("SC_CLK_TCK")
