# SPDX-License-Identifier: GPL-2.0-only
"""Faults of the host, really made: each gives the right fallback, or one clear line.

FIM_TEST_KILLS   how often the monitor is killed (3)
"""
import contextlib
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

import fim
from fim import hooks, program_cache
from fim.kernel import Kernel
from watcher import ROOT, Watcher

KILLS = int(os.environ.get("FIM_TEST_KILLS", "3"))
COMPILES = 60.0  # seconds that an emulated machine does at least
PROBES = "/sys/kernel/debug/kprobes/list"
EVENTS = "/sys/kernel/debug/tracing/kprobe_events"
DEBUGFS, TRACEFS = "/sys/kernel/debug", "/sys/kernel/tracing"


def refused(*command):
    """What `fim watch` says when it leaves at once: one line."""
    done = subprocess.run(list(command) + [sys.executable, "-m", "fim", "watch", "/tmp"], cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=60)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1 and len(lines) == 1 and lines[0].startswith("fim: "), lines
    return lines[0]


@contextlib.contextmanager
def unmounted(*points):
    """Not there meanwhile."""
    gone = [point for point in points if subprocess.run(["mountpoint", "-q", point]).returncode == 0]
    for point in gone:
        subprocess.run(["umount", "-l", point], check=True)
    try:
        yield
    finally:
        for point in reversed(gone):
            kind = "debugfs" if point == DEBUGFS else "tracefs"
            subprocess.run(["mount", "-t", kind, kind, point], check=True)


def stand_ins(kernel, hidden):
    """Whether every part that is needed has a function without these."""
    def needed(chosen):
        return {(hook.operation, hook.part) for hook in chosen if hook.part not in hooks.OPTIONAL}
    return needed(hooks.choose(kernel)) == needed(hooks.choose(kernel, without=hidden))


def second_best():
    """Functions of this kernel, of what is needed, that another candidate can stand in for."""
    kernel = Kernel.of_this_host()
    found = set()
    for hook in hooks.choose(kernel):
        name = hooks.symbol(hook.function)
        if hook.part not in hooks.OPTIONAL and stand_ins(kernel, found | {name}):
            found.add(name)
    return sorted(found)


def not_seen(coverage):
    return {(operation, kind): cell["why"] for operation, kinds in coverage.items()
            for kind, cell in kinds.items() if cell["state"] == "not_seen"}


def test_without_what_can_be_replaced_and_without_debugfs(scratch, tree):
    """Every function hidden that has a stand-in, at once; and the symbol list must do."""
    hidden = second_best()
    options = [word for name in hidden for word in ("--without", name)]
    with unmounted(TRACEFS, DEBUGFS):
        with Watcher(scratch / "hidden", [tree], *options) as watcher:
            watcher.wait_ready()
            open(os.path.join(tree, "x"), "w").close()
            os.chmod(os.path.join(tree, "x"), 0o600)
            records = watcher.settle()
    coverage = next(record for record in records if record["kind"] == "coverage")["operations"]
    used = {name for cells in coverage.values() for cell in cells.values()
            for name in (cell["hook"] or "").split(", ")}
    print("hidden:", " ".join(hidden))
    assert not used & set(hidden)
    assert not_seen(coverage) == {}
    assert {"create", "chmod"} <= {record.get("op") for record in records}


# Candidates that are attached and are never called by what they should tell of.
DECOYS = tuple(hooks.Hook(*row) for row in (
    ("rename", "done", "d_genocide", "fim_d_move", hooks.present, "only when a tree is killed"),
    ("setxattr", "done", "d_prune_aliases", "fim_post_setxattr", hooks.present,
     "network file systems"),
))


def test_candidates_that_never_fire_give_way(tree):
    kernel = Kernel.of_this_host()
    decoys = [hook for hook in DECOYS if kernel.has(hook.function)]
    assert decoys
    monitor = fim.Monitor(tree)
    monitor.table = tuple(decoys) + hooks.HOOKS
    with monitor:
        attached = {hook.function for hook in monitor.attachment.hooks}
        assert not attached & {hook.function for hook in decoys}
        assert monitor.without == set(decoys)
        assert not_seen(monitor.coverage) == {}


def test_headers_of_another_build(scratch):
    generated = os.path.join("/lib/modules", os.uname()[2], "build/include/generated/utsrelease.h")
    other = scratch / "utsrelease.h"
    other.write_text('#define UTS_RELEASE "5.5.5-other"\n')
    subprocess.run(["mount", "--bind", str(other), generated], check=True)
    try:
        line = refused()
    finally:
        subprocess.run(["umount", generated], check=True)
    assert "5.5.5-other" in line and "install" in line


def test_without_the_capability():
    with open("/proc/sys/kernel/cap_last_cap") as file:
        newer = int(file.read()) >= 39
    lost = "-sys_admin" + (",-bpf,-perfmon" if newer else "")
    assert "CAP_SYS_ADMIN" in refused("setpriv", "--bounding-set=" + lost)


@pytest.mark.parametrize("path, word", [
    ("/sys/kernel/debug/kprobes/enabled", "kprobes"), ("/proc/sys/kernel/ftrace_enabled", "ftrace")])
def test_switched_off_before_the_start(path, word):
    with open(path, "w") as file:
        file.write("0\n")
    try:
        line = refused()
    finally:
        with open(path, "w") as file:
            file.write("1\n")
    assert word in line and path.rsplit("/", 1)[1] in line


def probes():
    """What is attached anywhere, by whatever way."""
    with open(PROBES) as lines:
        found = sorted(line.split()[2] for line in lines if "[GONE]" not in line)
    with open(EVENTS) as lines:
        return found, lines.read()


@contextlib.contextmanager
def nothing_kept():
    """As on the first start of a boot: there is something to compile. What is kept comes back."""
    aside = program_cache.DIRECTORY + "-aside"
    os.rename(program_cache.DIRECTORY, aside)
    try:
        yield
    finally:
        shutil.rmtree(program_cache.DIRECTORY, ignore_errors=True)
        os.rename(aside, program_cache.DIRECTORY)


def how_long(tree, scratch):
    """Seconds that a start takes here, with what an earlier one has kept."""
    Watcher(scratch / "first", [tree]).wait_ready().close()
    begun = time.monotonic()
    Watcher(scratch / "whole", [tree]).wait_ready().close()
    return time.monotonic() - begun


def kill(watcher, seconds, tree):
    """After so many, in the middle of whatever it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        open(os.path.join(tree, "busy"), "w").close()
        os.unlink(os.path.join(tree, "busy"))
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    watcher.process.kill()
    watcher.process.wait()


def test_kill_9_leaves_no_probe_behind(scratch, tree):
    """At a random moment: of its work, of a start, of a start that compiles, in turns."""
    whole, chance = how_long(tree, scratch), random.Random(KILLS)
    before = probes()
    for number in range(KILLS):
        works, compiles = number % 3 == 0, number % 3 == 2
        seconds = chance.uniform(0, 3 if works else COMPILES if compiles else whole)
        with nothing_kept() if compiles else contextlib.ExitStack():
            with Watcher(scratch / ("kill%d" % number), [tree]) as watcher:
                if works:
                    watcher.wait_ready()
                    assert len(probes()[0]) > len(before[0])
                kill(watcher, seconds, tree)
            end = time.monotonic() + 90  # the loader finds out at its next word
            while probes() != before and time.monotonic() < end:
                time.sleep(0.1)
        assert probes() == before, "kill %d after %.3f s" % (number, seconds)
