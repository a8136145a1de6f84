# SPDX-License-Identifier: GPL-2.0-only
"""What is really loaded here, by this kernel's headers and this bcc's compiler: inside the oldest
kernel's envelope with room to spare, and soon verified."""
import base64
import os
import sys
import types

import pytest

from fim import bpf, compiled, hooks, program_cache
from fim.kernel import Kernel
from verifier import KPROBE, TRACEPOINT, Verifier
from watcher import ROOT

sys.path.append(os.path.join(ROOT, "tests", "unit"))
import bytecode  # noqa: E402

SPARE = 500           # instructions that another compiler may need more
# Of 131,072 that RHEL 7's verifier goes through, half.
PROCESSED = 1 << 16
SECONDS = 1.0         # of CPU; the verifier of 3.10 cannot be interrupted
AT_TRACEPOINTS = {program for _, program in bpf.exit_stages()} | {
    hook.program for hook in hooks.ATTEMPTS if ":" in hook.function}


@pytest.fixture(scope="module", params=[False, True], ids=["acts", "attempts"])
def kept(request, attachment):
    """The file of what is attached, as the loader has written it."""
    kernel = Kernel.of_this_host()
    if request.param:
        bpf.attach(kernel, 1000, attempts=True).close()
    path = program_cache.path(kernel, bpf.source(request.param), bpf.cflags(kernel))
    assert os.path.dirname(path) == "/run/fim/programs" and os.path.exists(path)
    return compiled.kept(path, types.SimpleNamespace(__version__=attachment.bcc))


@pytest.fixture(scope="module")
def programs(kept):
    """{name: bytecode}"""
    return {name: base64.b64decode(code) for name, code in kept["programs"].items()}


def test_inside_the_envelope(programs):
    found = {name: list(bytecode.faults(code)) for name, code in programs.items()}
    assert len(found) > 40
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_instructions_to_spare(programs):
    sizes = sorted((len(code) // 8, name) for name, code in programs.items())
    print("largest: %d (%s)" % sizes[-1])
    assert sizes[-1][0] <= bytecode.MAX_INSTRUCTIONS - SPARE, sizes[-5:]


def test_what_is_told_of_sizes_is_so(programs, attachment):
    """By the loader, of what it has loaded."""
    there = {name: len(programs[name]) // 8 for name in attachment.sizes}
    if "fim_sys_exit" not in programs:
        assert there == attachment.sizes


def test_soon_verified(kept):
    """Each program, and how many instructions the verifier goes through along all its paths."""
    figures = {}
    with Verifier(kept) as verifier:
        for name in sorted(kept["programs"]):
            kind = TRACEPOINT if name in AT_TRACEPOINTS else KPROBE
            figures[name] = (verifier.processed(name, kind), verifier.seconds(name, kind))
    dearest = sorted(figures, key=figures.get)[-3:]
    print("verified: " + ", ".join("%s %d in %.3f s" % ((name,) + figures[name])
                                   for name in dearest))
    assert {name: row for name, row in figures.items() if not 0 < row[0] <= PROCESSED} == {}
    slow = {name: row for name, row in figures.items() if row[1] >= SECONDS}
    assert slow == {}, "%d together" % sum(row[1] for row in figures.values())
