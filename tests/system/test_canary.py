# SPDX-License-Identifier: GPL-2.0-only
"""The canary on every file system, its rounds, and what it notices when hooks fall silent."""
import contextlib
import datetime
import os
import subprocess
import time

import pytest

import fim
from fim import hooks, places
from fim.acts import FURNITURE
from fim.canary import Canary
from fim.vigil import HEARING
from listener import RING_PAGES, Listener, attached, listening
from watcher import START_PATIENCE, Checker, now_text

# What the file system itself refuses, by how the canary says it.
REFUSED = {("setflags", "tmpfs"), ("setflags", "overlay")}
SWITCHES = {"kprobes": "/sys/kernel/debug/kprobes/enabled",
            "ftrace": "/proc/sys/kernel/ftrace_enabled"}
NOT_BY_FTRACE = {"mmap"}  # the kernel's source of perf is built without it
ROUND = 0.3  # seconds
WRITES = {"modify", "close"}  # which of their functions is called is the file system's choice


def operations(listener):
    """Of the last coverage record."""
    return [record for record in listener.settle()
            if record["kind"] == "coverage"][-1]["operations"]


def test_every_operation_is_proven_on_every_file_system(attachment, base):
    with listening(attachment, *[os.path.join(path, "watched") for path in base.values()],
                   canary_seconds=None) as listener:
        found = operations(listener)
    assert set(found) == set(hooks.OPERATIONS)
    amiss = {(operation, kind): (cell["state"], cell["why"]) for operation in found
             for kind, cell in found[operation].items() if cell["state"] != "covered"}
    assert set(amiss) <= REFUSED, amiss
    assert all("has none" in why for _, why in amiss.values())
    assert {kind for cells in found.values() for kind in cells} >= set(base)


def test_a_watched_type_without_a_place_is_assumed(attachment, base):
    kind = next(kind for kind in base if kind != "tmpfs")
    top = next(mount.point for mount in places.mounts()
               if mount.type == kind and base[kind].startswith(mount.point + "/"))
    if places.place(kind, [top], list(places.mounts())):
        pytest.fail("there is another %s: this says nothing" % kind)
    with listening(attachment, top, canary_seconds=None, one_file_system=True) as listener:
        cell = operations(listener)["rename"][kind]
    assert cell["state"] == "assumed" and "no writable place on %s" % kind in cell["why"]


def rounds(listener, seconds=4.0):
    """Let the canary sing; the records that come, and how many songs were heard."""
    heard, found, end = set(), [], time.monotonic() + seconds
    while time.monotonic() < end:
        found += listener.monitor.pump(20).splitlines()
        heard.add(listener.monitor.sight.vigil.heard_at)
    return [listener.checker.record(line) for line in found], len(heard) - 1


def test_rounds_leave_nothing_in_the_stream(attachment):
    """Even where the scratch directory is watched itself."""
    with listening(attachment, "/run", one_file_system=True, canary_seconds=ROUND) as listener:
        listener.settle()
        before = events_and_keys(listener.monitor.counts())
        records, count = rounds(listener)
        assert (records, events_and_keys(listener.monitor.counts())) == ([], before)
        assert count >= 2
        assert not listener.monitor.sight.vigil.silent
        cost = [timed(listener.monitor.sight.canary.sing) for _ in range(20)]
        path = listener.monitor.sight.canary.home.path
        assert sorted(os.listdir(path)) == sorted(FURNITURE)
    assert not os.path.exists(path)
    print("a round takes %.2f ms" % (1000 * sorted(cost)[10]))
    assert sorted(cost)[10] < 0.5, cost  # on an emulated machine, too


def test_rounds_go_to_every_file_system(attachment, base):
    """One a round, beside home; nothing of it is in the stream, and nothing stays behind."""
    with listening(attachment, *[os.path.join(path, "watched") for path in base.values()],
                   canary_seconds=ROUND) as listener:
        listener.settle()
        canary, vigil = listener.monitor.sight.canary, listener.monitor.sight.vigil
        begun, before = time.monotonic(), listener.monitor.counts()["events"]
        records, _ = rounds(listener, 3 * len(base) * (ROUND + HEARING))
        assert (records, listener.monitor.counts()["events"]) == ([], before)
        assert {kind for kind, (at, _) in vigil.heard.items() if at > begun} >= set(base)
        assert vigil.silent == {} and set(canary.scratches()) >= set(base)
        scratches = [scratch.path for scratch in canary.scratches().values()]
    assert not [path for path in scratches if os.path.exists(path)]


def events_and_keys(counts):
    """What was told, and how many keys the kernel side has more than it had."""
    return counts["events"], counts["kernel_INSERTED"] - counts["kernel_REMOVED"]


def timed(function):
    begun = time.monotonic()
    function()
    return time.monotonic() - begun


@contextlib.contextmanager
def off(path):
    """A switch of the whole kernel."""
    with open(path, "w") as file:
        file.write("0\n")
    try:
        yield
    finally:
        with open(path, "w") as file:
            file.write("1\n")


def coming(listener):
    """Records, for ever."""
    while True:
        yield from [listener.checker.record(line)  # those that nobody waits for, too
                    for line in listener.monitor.pump(20).splitlines()]
        yield None


def until_told(records, kind, seconds=20.0):
    """The next one of this kind."""
    end = time.monotonic() + seconds
    for record in records:
        if record and record["kind"] == kind:
            return record
        assert time.monotonic() < end, "no %s within %d s" % (kind, seconds)


@pytest.mark.parametrize("switch", sorted(SWITCHES))
def test_switched_off_is_blind_and_seeing_again_is_told(attachment, tree, switch):
    path = SWITCHES[switch]
    if not os.path.exists(path):
        pytest.fail("this kernel has no %s" % path)
    with listening(attachment, tree, canary_seconds=ROUND) as listener:
        rounds(listener, 2.0)
        told = coming(listener)
        with off(path):
            switched = now_text()
            blind = until_told(told, "blind")
            assert blind["until"] is None and blind["since"] <= switched
            assert age(blind["since"], switched) < ROUND + 3
            assert switch in blind["mend"] and "rename" in blind["reason"]
            assert covered(until_told(told, "coverage")) <= NOT_BY_FTRACE
            assert rounds(listener, 3.0)[0] == []  # told once
        seen = until_told(told, "blind")
        assert seen["since"] == blind["since"] and seen["until"] > switched
        assert "rename" in covered(until_told(told, "coverage"))


def covered(record):
    return {operation for operation, cells in record["operations"].items()
            if "covered" in {cell["state"] for cell in cells.values()}}


def replaceable(monitor):
    """A function that is attached, is proven in rounds, and has a stand-in on this kernel."""
    for function in sorted({hook.function for hook in monitor.attachment.hooks}):
        silent = {hook.operation for hook in monitor.attachment.hooks
                  if hook.function == function and hook.part not in hooks.OPTIONAL}
        rows = hooks.doubtful(monitor.attachment.hooks, silent - {"mount", "umount", "open"})
        if function in {hook.function for hook in hooks.give_way(monitor.kernel, rows,
                                                                 monitor.without)}:
            return function
    return None


def test_a_hook_that_falls_silent_gives_way(tree):
    """While it runs, as at the start: the time between is told as blindness that is over."""
    checker = Checker()
    with fim.Monitor(tree, ring_pages=RING_PAGES, canary_seconds=ROUND) as monitor:
        listener = Listener(monitor, checker)
        listener.settle()
        function, probes = replaceable(monitor), monitor.attachment.probes
        assert function, "no function of this kernel has a stand-in"
        silenced = now_text()
        for key in [key for key in probes if key[0] == function]:
            os.close(probes.pop(key))
        told = coming(listener)
        blind = until_told(told, "blind", START_PATIENCE)
        assert blind["until"] is not None and blind["since"] <= silenced < blind["until"]
        cells = until_told(told, "coverage")["operations"]
        used = {name for row in cells.values() for cell in row.values()
                for name in (cell["hook"] or "").split(", ")}
        amiss = [cell for row in cells.values() for cell in row.values()
                 if cell["state"] == "not_seen"]
        assert function not in used and amiss == [], (function, amiss)
        listener.settle()
        os.chmod(tree + "/watched", 0o700)
        assert listener.acts() == [("chmod", tree + "/watched")]
        assert rounds(listener)[0] == []
    print("%s fell silent at %s: %s" % (function, silenced, blind))


def age(early, late):
    """Seconds from one time to another."""
    first, second = (datetime.datetime.strptime(text[:26], "%Y-%m-%dT%H:%M:%S.%f")
                     for text in (early, late))
    return (second - first).total_seconds()


@contextlib.contextmanager
def home_is(options):
    """A small file system of its own where the canary lives."""
    os.makedirs(places.home(), mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", places.home()], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", places.home()], check=True)


@pytest.mark.parametrize("options, why", [
    ("ro", "Read-only file system"), ("size=4k,nr_inodes=2", "No space left on device")])
def test_a_canary_that_cannot_sing_is_assumed_and_said(attachment, tree, options, why):
    with home_is(options):
        with listening(attachment, tree, canary_seconds=ROUND) as listener:
            told = listener.settle()
            cells = [record for record in told if record["kind"] == "coverage"][-1]["operations"]
            kind = listener.monitor.sight.canary.kind
            records = rounds(listener, 2.0)[0]
        song = listener.monitor.sight.canary.songs.get(kind)
        assert song is None or set(song.refused)
        assert all(cell["state"] != "not_seen" for row in cells.values() for cell in row.values())
        errors = [record for record in told + records if record["kind"] == "error"]
        assert len(errors) == 1 and why in errors[0]["message"]


@pytest.fixture
def own_attachment():
    """One that is taken apart."""
    attachment = attached()
    yield attachment
    attachment.close()


def test_each_hook_that_falls_silent_is_noticed_and_nothing_else(own_attachment, tree):
    """Attached, and from one moment on never firing: one after another, until none is left."""
    probes = own_attachment.probes
    with listening(own_attachment, tree, canary_seconds=None) as listener:
        session, gather = listener.monitor.session, listener.monitor.gather
        for function, program in list(probes):
            os.close(probes.pop((function, program)))
            left = [hook for hook in own_attachment.hooks
                    if (hook.function, hook.program) in probes]
            canary = Canary(session).prove(gather, patience=1.0)
            silent, refused = canary.silent(), set(canary.songs[canary.kind].refused)
            gone = set(hooks.OPERATIONS) - {hook.operation for hook in left}
            assert gone - refused <= silent, function
            assert silent <= set(hooks.uncovered(left)) | WRITES, function
            canary.close()
    assert silent == set(hooks.OPERATIONS) - refused
