# SPDX-License-Identifier: GPL-2.0-only
"""Records a second through decoder and JSON, beside what a BCC tool in Python does with the same bytes.

The tool: bcc's callback casts the bytes to a ctypes structure, a dictionary of the same members is
made, json.dumps() writes it. One core each, the same record, in turns, best of three.
"""
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "unit"))
import core_record as wire  # noqa: E402

CORE = ("arena buffer calendar arguments decode error_name json mount_path mount_table mount_kind process process_last process_text "
        "record record_change record_text siphash slots terminal utf8").split()
COUNTS = {"fim": 300000, "python": 20000}


class Event(ctypes.Structure):
    """As a tool would declare it: what it prints of a record."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("time", "ino", "size", "mtime", "ctime", "start")] + [
        (name, ctypes.c_uint32) for name in "dev mode uid gid nlink pid tid ppid auid ses".split()] + [
        ("comm", ctypes.c_char * 16)] + [
        (name, ctypes.c_char * 64) for name in "path exe parent cwd args cgroup".split()]


def value(item):
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else item


def in_python(count):
    """Seconds for so many."""
    data = (ctypes.c_char * ctypes.sizeof(Event))(*([b"a"] * ctypes.sizeof(Event)))
    address, begun = ctypes.addressof(data), time.process_time()
    for _ in range(count):
        event = ctypes.cast(address, ctypes.POINTER(Event)).contents
        json.dumps({name: value(getattr(event, name)) for name, _ in Event._fields_})
    return time.process_time() - begun


def build(directory):
    program = os.path.join(directory, "rendering")
    sources = [os.path.join(ROOT, "ext", name + ".c") for name in CORE]
    subprocess.run(["cc", "-O2", "-std=gnu11", "-I" + ROOT + "/ext", "-I" + ROOT + "/bpf_c", "-o", program,
                    os.path.join(ROOT, "tests", "bench", "rendering.c")] + sources, check=True)
    return program


def in_fim(program, raw, count):
    """The same."""
    return float(subprocess.run([program, raw, str(count)], stdout=subprocess.PIPE,
                                check=True).stdout.split()[0])


def main():
    with tempfile.TemporaryDirectory() as directory:
        program, raw = build(directory), os.path.join(directory, "raw")
        with open(raw, "wb") as file:
            file.write(wire.record("close", path=wire.walk(b"/etc/cron.d/some-job"), count=3, **wire.PROCESS))
        runs = [(in_fim(program, raw, COUNTS["fim"]) / COUNTS["fim"],
                 in_python(COUNTS["python"]) / COUNTS["python"]) for _ in range(3)]
    fim, python = (min(times) for times in zip(*runs))
    print("decode and JSON, one core: fim %.2f us a record (%d a second), "
          "ctypes and json.dumps %.2f us: fim is %.0f times as fast"
          % (fim * 1e6, 1 / fim, python * 1e6, python / fim))


if __name__ == "__main__":
    main()
