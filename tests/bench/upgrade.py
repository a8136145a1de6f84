#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the journal grows by when 500 packages are upgraded: bytes a record, and megabytes, before
and after joining.

The names are those of this host's first packages; what dpkg does with each is a table. Some of
them are rendered by the real session from records made here; no kernel takes part.

    /usr/bin/python3 tests/bench/upgrade.py [PACKAGES]
"""
import glob
import gzip
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "tests", "unit")]
import core_record as wire  # noqa: E402
from core_build import Driver  # noqa: E402
from fim import host  # noqa: E402

SAMPLE = 200  # every so many-th file
NEW, OLD = ".dpkg-new", ".dpkg-tmp"
# operation, (suffix of its path, of the second), as dpkg's tarobject() and its end do
FILE = (("create", (NEW, None)), ("modify", (NEW, None)), ("chown", (NEW, None)),
        ("chmod", (NEW, None)), ("close", (NEW, None)), ("utimes", (NEW, None)),
        ("link", (OLD, "")), ("rename", (NEW, "")), ("unlink", (OLD, None)))
# Of a package: its status is written so often, by one process into one file each time anew
STATUS = 12
STATUS_FILE = (("create", ("/tmp.i", None)), ("modify", ("/tmp.i", None)),
               ("close", ("/tmp.i", None)), ("rename", ("/tmp.i", "/0001")))
ACTOR = dict(exe=wire.walk(b"/usr/bin/dpkg"), parent_exe=wire.walk(b"/usr/bin/apt-get"),
             cwd=wire.walk(b"/"), cgroup=wire.walk(b"/user.slice/user-1000.slice/session-3.scope"),
             args=b"/usr/bin/dpkg\0--status-fd\x0045\0--no-triggers\0--unpack\0--auto-deconfigure\0"
                  b"--recursive\0/tmp/apt-dpkg-install-JPlVoQ\0")


def files(packages):
    """The regular files of the first packages of this host."""
    for path in sorted(glob.glob("/var/lib/dpkg/info/*.list"))[:packages]:
        with open(path) as names:
            for name in names:
                if os.path.isfile(name.rstrip("\n")) and not os.path.islink(name.rstrip("\n")):
                    yield name.rstrip("\n")


def records(acts, path, ino):
    """The raw ones of what is done with one file."""
    for op, suffixes in acts:
        first, second = (None if s is None else wire.walk(os.fsencode(path + s)) for s in suffixes)
        yield wire.record(op, file=dict(ino=ino, size=4096), path=first, path2=second, count=1,
                          time=int(time.clock_gettime(time.CLOCK_MONOTONIC) * 10**9),
                          actor=dict(comm=b"dpkg"), **ACTOR)


def rendered(raw, join):
    """The lines of these."""
    with Driver("reconcile_driver") as driver:
        driver.ask(b"j" + bytes([join, 0, 0]))
        lines = b""
        for number, record in enumerate(raw):
            driver.ask(b"r" + record + b"\0")
            if number % 500 == 499:
                lines += driver.ask(b"p\0")
        lines += driver.ask(b"p\0")
        time.sleep(0.5)
        return lines + driver.ask(b"p\0")


def measured(raw, join):
    """(lines, bytes, bytes compressed); the driver's host is empty, and is made up for."""
    lines = rendered(raw, join)
    lines = lines.replace(b'"host":{}', b'"host":' + host.describe().encode("ascii"))
    return lines.count(b"\n"), len(lines), len(gzip.compress(lines, 6))


def show(name, parts):
    """A line of the table; `parts` are (times, (lines, bytes, compressed))."""
    lines, size, packed = (sum(times * of[n] for times, of in parts) for n in range(3))
    print("%-8s %8d records %6.0f bytes each %7.1f MB %6.1f MB compressed"
          % (name, lines, size / lines, size / 1e6, packed / 1e6))


def main(packages):
    names = list(files(packages))
    sample = [record for number, name in enumerate(names[::SAMPLE])
              for record in records(FILE, name, 1000 + number)]
    status = [record for number in range(STATUS * 20)
              for record in records(STATUS_FILE, "/var/lib/dpkg/updates", 10**6 + number % 3)]
    print("%d packages, %d files" % (packages, len(names)))
    for name, join in (("before", False), ("joined", True)):
        show(name, [(len(names) / len(names[::SAMPLE]), measured(sample, join)),
                    (packages / 20, measured(status, join))])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
