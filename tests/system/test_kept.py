# SPDX-License-Identifier: GPL-2.0-only
"""Programs are compiled once a boot, and again where what was kept is of no use."""
import json
import os
import zlib

from fim import bpf
from fim.kernel import Kernel
from fim.program_cache import DIRECTORY


def attached(entries=1000):
    """(taken from the file, {what is attached and loaded})"""
    attachment = bpf.attach(Kernel.of_this_host(), entries)
    try:
        assert attachment.failed == {}
        return attachment.kept, {"maps": sorted(attachment.maps), "sizes": attachment.sizes,
                                 "probes": sorted(attachment.probes)}
    finally:
        attachment.close()


def files():
    return {os.path.join(DIRECTORY, name) for name in os.listdir(DIRECTORY)}


def test_kept_for_the_next_start(capable):
    attached()
    for path in files():
        os.unlink(path)
    kept, compiled = attached()
    assert not kept and len(files()) == 1
    assert attached() == (True, compiled)
    assert attached(entries=50000) == (True, compiled)


def test_refused_by_the_kernel_is_compiled_again(capable):
    attached()
    path = max(files(), key=os.path.getmtime)
    with open(path, "r+b") as file:
        whole = json.loads(zlib.decompress(file.read()).decode())
        whole["maps"] = [row[:2] + [1 << 20] + row[3:] for row in whole["maps"]]  # keys of 1 MiB
        file.seek(0)
        file.truncate()
        file.write(zlib.compress(json.dumps(whole).encode()))
    kept, compiled = attached()
    assert not kept and compiled["probes"]
    assert attached() == (True, compiled)
