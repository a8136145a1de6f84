#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""How long it takes to write, verify and search a journal of a million records, beside
sha256sum of the same bytes and reading them as JSON.

    /usr/bin/python3 tests/bench/journal.py [RECORDS]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
from fim.journal import Journal, Limits  # noqa: E402
from fim.segments import Segments  # noqa: E402

# As long as one of `fim watch` is, on the average of a package's installation.
EVENT = (
    '{"v":1,"kind":"event","seq":%d,"stream":"0123456789abcdef0123456789abcdef",'
    '"time":"2026-11-23T04:54:31.825802160Z","host":{"name":"host","machine_id":null,'
    '"boot_id":"9ab7f7ee-e630-4206-b772-66d874c5d214"},"labels":{},"op":"rename",'
    '"path":"/usr/share/doc/package/%d","old_path":"/usr/share/doc/package/%d.dpkg-new",'
    '"file":{"dev":"8:1","ino":"%d","type":"file","mode":"0644","uid":0,"gid":0},'
    '"more":"' + "x" * 700 + '"}\n')


def timed(name, bytes_, act):
    """Run it and print what it took, by the clock and of a CPU; the latter, since the machine may
    be busy."""
    begun, before = time.perf_counter(), sum(os.times()[:4])
    act()
    took, spent = time.perf_counter() - begun, sum(os.times()[:4]) - before
    print("%-44s %7.2f s, %6.2f of a CPU %8.0f MB/s" % (name, took, spent, bytes_ / spent / 1e6),
          flush=True)
    return spent


def write(journal, lines):
    """In the pieces that a busy monitor's reader gives."""
    for at in range(0, len(lines), 500):
        journal.append(b"".join(lines[at:at + 500]))
        journal.tick()
    journal.close()


def parse(path):
    """What reading every record costs in Python."""
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as file:
            for line in file:
                json.loads(line.decode("utf-8"))


def fim(state, *arguments):
    subprocess.run([sys.executable, "-m", "fim"] + list(arguments) + ["--state", state], cwd=ROOT,
                   check=True, stdout=subprocess.DEVNULL)


def main(count):
    lines = [(EVENT % (seq, seq, seq, seq)).encode("ascii") for seq in range(1, count + 1)]
    size = sum(map(len, lines))
    with tempfile.TemporaryDirectory() as state:
        path = os.path.join(state, "journal")
        journal = Journal(Segments(path, make=True), None, Limits(bytes=1 << 40))
        print("%d records, %d MB, %d bytes each" % (count, size // 10**6, size // count))
        timed("write", size, lambda: write(journal, lines))
        lines.clear()  # what is timed next has the memory
        files = [os.path.join(path, name) for name in sorted(os.listdir(path))]
        digest = timed("sha256sum", size, lambda: subprocess.run(
            ["sha256sum"] + files, check=True, stdout=subprocess.DEVNULL))
        parsed = timed("json.loads of every line", size, lambda: parse(path))
        verified = timed("fim verify", size, lambda: fim(state, "verify"))
        timed("fim log --path (one record)", size,
              lambda: fim(state, "log", "--format", "json", "--path",
                          "/usr/share/doc/package/77"))
        print("fim verify: %.2f of sha256sum, %.3f of sha256sum and json.loads"
              % (verified / digest, verified / (digest + parsed)))
        numbers = journal.segments.numbers()
        timed("compress all but the last segment", size,
              lambda: [journal.segments.pack(number) for number in numbers[:-1]])
        print("on disk: %d MB" % (sum(map(journal.segments.size, numbers)) // 10**6))
        timed("fim verify, compressed", size, lambda: fim(state, "verify"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**6)
