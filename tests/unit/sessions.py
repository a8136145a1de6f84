# SPDX-License-Identifier: GPL-2.0-only
"""A real fim._core.Session on BPF maps of its own, without hooks."""
import contextlib
import ctypes
import json
import os
import struct

import pytest

from fim import _core

BPF = {"x86_64": 321, "aarch64": 280}.get(os.uname()[4])
HASH, ARRAY, PERF_EVENT_ARRAY, PERCPU_ARRAY = 1, 2, 4, 6
ENTRIES = 10000
# (type, bytes of a key, of a value, entries) in the order of tap(); `learned` is left out
MAPS = ((HASH, 16, 16, ENTRIES), (PERCPU_ARRAY, 4, 8, 1), (PERCPU_ARRAY, 4, 8, 8),
        (ARRAY, 4, 16, 1), None, (PERF_EVENT_ARRAY, 4, 4, 1024), (HASH, 80, 4, 16),
        (ARRAY, 4, 64, 16384))


def make_map(shape):
    """A descriptor, negative where this user may not; -1 for None."""
    if BPF is None or shape is None:
        return -1
    attributes = ctypes.create_string_buffer(struct.pack("=IIIII", *shape, 0) + b"\0" * 100)
    return ctypes.CDLL(None).syscall(BPF, 0, attributes, len(attributes))


@contextlib.contextmanager
def session(*paths):
    """One that has scanned these paths."""
    maps = tuple(make_map(shape) for shape in MAPS)
    if maps[0] < 0:
        pytest.skip("BPF maps are not allowed here")
    try:
        made = _core.Session(stream="a stream", boot_id="b", host="{}", labels="{}", seed=b"s" * 16)
        made.tap(maps, 1, ENTRIES, (None, None), -1)
        made.hold(True)
        made.scan_begin()
        for path in paths:
            made.watch(os.fsencode(str(path)))
        made.scan_end()
        yield made
    finally:
        for descriptor in maps:
            if descriptor >= 0:
                os.close(descriptor)


def records(made):
    """What it has to say."""
    made.hold(False)
    return [json.loads(line.decode("utf-8")) for line in made.pump(0).splitlines()]
