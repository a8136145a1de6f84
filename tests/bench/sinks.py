# SPDX-License-Identifier: GPL-2.0-only
"""Records a second: each document format, each sink whole, and what the caller pays.

A record as the core renders a rename; one thread of Python, while nothing else runs.
"""
import os
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "tests", "unit")]

import collectors
import core_record
from core_build import Driver
from fim.sinks import FORMATS, Sinks, documents

COUNT = 20000
BATCH = 500


def sample():
    """One record's line."""
    raw = core_record.record("rename", path=core_record.walk(b"/etc/passwd"),
                             path2=core_record.walk(b"/etc/passwd-"), **core_record.PROCESS)
    with Driver("decode_driver") as driver:
        line = driver.ask(raw).split(b"\n", 2)[1]
    host = (b'{"name":"host.example","machine_id":"0123456789abcdef0123456789abcdef",'
            b'"boot_id":"9ab7f7ee-e630-4206-b772-66d874c5d214"}')
    return line.replace(b'"host":null', b'"host":' + host) + b"\n"


def say(what, seconds, size):
    """A row."""
    print("%-28s %8d records/s %8.1f us each %7.1f MB/s" % (
        what, COUNT / seconds, seconds / COUNT * 1e6, COUNT * size / seconds / 1e6))


def formats(line):
    """Mapping alone."""
    for form in FORMATS[1:]:
        document, begun = documents(form), time.perf_counter()
        for _ in range(COUNT):
            document(line[:-1])
        say("to " + form, time.perf_counter() - begun, len(line))


def through(text, line, what):
    """A whole sink: what take() costs the caller, and until all has arrived."""
    with tempfile.TemporaryDirectory() as directory:
        sinks = Sinks([text], directory)
        begun = time.perf_counter()
        for _ in range(COUNT // BATCH):
            sinks.take(line * BATCH)
        taken = time.perf_counter() - begun
        sinks.close(120)
        seconds = time.perf_counter() - begun
        assert sinks.state()[0]["proven"] == COUNT, sinks.state()
    say("take(), batches of %d" % BATCH, taken, len(line))
    say(what, seconds, len(line))


def main():
    """All rows."""
    line = sample()
    print("a record of %d bytes, %d of them" % (len(line), COUNT))
    formats(line)
    collector = collectors.TcpCollector()
    for form in FORMATS:
        through("syslog:tcp://127.0.0.1:%d?format=%s" % (collector.port, form), line,
                "syslog over TCP, " + form)
    with tempfile.TemporaryDirectory() as directory:
        through("file://%s/out" % directory, line, "file, json")


main()
