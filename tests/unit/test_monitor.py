# SPDX-License-Identifier: GPL-2.0-only
"""A monitor without a kernel: not open, what is its own, and where hooks fall silent."""
import os
import threading
import types

import pytest

import fim
from fim import _core, hooks
from fim.errors import KernelError, UsageError
from fim.growth import room
from fim.kernel import Kernel
from fim.own import Own
from fim.segments import Segments
from fim.sight import Sight


@pytest.mark.parametrize("act", ("pump", "extend"))
def test_nothing_is_read_before_it_is_open(act, tmp_path):
    monitor = fim.Monitor(str(tmp_path))
    with pytest.raises(UsageError, match="not open"):
        monitor.pump() if act == "pump" else monitor.extend([str(tmp_path / "more")])
    assert monitor.close() == b""


@pytest.mark.parametrize("act", ("pump", "scan_begin", "scan_end", "find_older", "find_links"))
def test_a_session_without_rings(act):
    made = _core.Session(stream="a stream", boot_id="b", host="{}", labels="{}", seed=b"s" * 16)
    with pytest.raises((ValueError, OSError), match="Invalid argument"):
        getattr(made, act)(*([0] if act == "pump" else []))


@pytest.mark.parametrize("path", ("", b""))
def test_an_empty_path(path):
    with pytest.raises(UsageError, match="empty"):
        fim.Monitor(path)


@pytest.mark.parametrize("there", (0, 1, 2, 43690, 43691, 87381, 1000000, 11184810))
def test_room_in_the_hash(there):
    """Half as much again, by all of the buckets that the kernel makes for it."""
    slots = room(there)
    assert slots >= 1.5 * there and slots & slots - 1 == 0 and (slots <= 3 * there or there < 2)


class Told:
    """A session that is told what is ours."""

    def __init__(self):
        self.files = []

    def own(self, descriptor):
        """As fim._core.Session has it."""
        self.files.append(os.fstat(descriptor).st_ino)


def test_what_is_ours_stays_so(tmp_path):
    """Whoever gave the descriptor closes his, and another file gets its number."""
    first = os.open(str(tmp_path), os.O_RDONLY)
    own, session, number = Own((first,)), Told(), os.stat(str(tmp_path)).st_ino
    own.tell(session)
    os.close(first)
    other = os.open(os.devnull, os.O_RDONLY)
    own.tell(session)
    assert other == first and session.files == [number] * 2
    os.close(other)
    kept, = own.descriptors
    own.close()
    own.close()
    with pytest.raises(OSError):
        os.fstat(kept)


def test_a_monitor_that_does_not_start_keeps_nothing_open(tmp_path, monkeypatch):
    """It may be tried again every minute."""
    def fail(entries):
        raise UsageError("not now")
    monkeypatch.setattr("fim.monitor.bpf.check", lambda kernel: None)
    monitor = fim.Monitor(str(tmp_path), kernel=object(), map_entries=1)
    monitor.load = fail
    before = sorted(os.listdir("/proc/self/fd"))
    with open(str(tmp_path / "file"), "x") as file, pytest.raises(UsageError):
        monitor.open(file.fileno())
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_was_replaced_keeps_its_number(tmp_path):
    """Of the descriptor: the monitor has it, the compressing thread, and the journal."""
    path = str(tmp_path / "journal")
    segments = Segments(path, make=True)
    number = segments.directory
    os.rename(path, path + ".away")
    segments.reopen()
    assert segments.directory == number
    assert os.path.samestat(os.fstat(number), os.stat(path))
    assert not os.get_inheritable(number)
    segments.close()


# --- a hook that falls silent while it runs ---

FUNCTIONS = {hooks.symbol(hook.function) for hook in hooks.HOOKS}


class Loaded:
    """What fim.bpf.attach() gives."""

    entries = 1000

    def __init__(self, without=()):
        self.hooks = hooks.choose(KERNEL, without=without)


KERNEL = Kernel("test", FUNCTIONS - {"security_inode_post_setxattr"}, (), "/headers", True)


@pytest.fixture
def monitor():
    """One that runs, but for the kernel; `told` is what it emits."""
    made = fim.Monitor("/tmp")
    made.kernel, made.attachment, made.sight = KERNEL, Loaded(), Sight(None, (), (), None)
    made.load = lambda entries: Loaded(made.without)
    made.told, made.taken = [], []
    made.emit = lambda *record: made.told.append(record)
    made.take_over = made.taken.append
    return made


def grown(monitor):
    """What is being made ready is."""
    monitor.growth.thread.join()
    monitor.grow()


class Quiet:
    """A session to which nothing comes any more."""

    def pump(self, *unused):
        return b""

    def counts(self):
        return {}


@pytest.fixture
def stopping(monitor):
    """Whose removal of scratch is put down in `order`."""
    monitor.session, monitor.order = Quiet(), []
    monitor.attachment.detach = monitor.attachment.close = lambda: None
    monitor.sight.close = lambda: monitor.order.append("scratch")
    monitor.emit = lambda kind, *more: monitor.lines.append(kind.encode() + b"\n")
    return monitor


def test_the_stop_is_told_before_a_disk_is_waited_for(stopping):
    """Where the canary's scratch is on one that is frozen."""
    assert stopping.close("SIGTERM", put=stopping.order.append) == b""
    assert stopping.order == [b"stop\n", "scratch"]


def test_scratch_goes_though_the_stop_cannot_be_told(stopping):
    with pytest.raises(ZeroDivisionError):
        stopping.close("SIGTERM", put=lambda lines: 1 // 0)
    assert stopping.order == ["scratch"]


def test_its_next_candidate_is_attached(monitor):
    """perf_event_mmap is where mmap is told from, and vma_set_page_prot can be."""
    assert monitor.give_way({"mmap"}) and monitor.give_way({"mmap"})
    assert {hook.function for hook in monitor.without} == {"perf_event_mmap"}
    grown(monitor)
    functions = {hook.function for hook in monitor.taken[0].hooks if hook.operation == "mmap"}
    assert functions == {"vma_set_page_prot"} and monitor.growth is None
    monitor.attachment = monitor.taken[0]
    assert not monitor.give_way({"mmap"})     # it was the last


def test_what_has_no_other_candidate_stays(monitor):
    assert not monitor.give_way({"unlink", "rmdir"}) and monitor.growth is None


def test_hooks_that_cannot_be_replaced_are_told_of_and_stay(monitor):
    def refuse(entries):
        raise KernelError("fim: no memory")
    monitor.load = refuse
    assert monitor.give_way({"mmap"})
    grown(monitor)
    assert monitor.taken == [] and "no memory" in monitor.told[0][1]["message"]
    assert not monitor.give_way({"mmap"})     # it is not tried for ever


def test_no_thread_can_be_had(monitor, monkeypatch):
    """What falls silent is told; room in the hash is asked for again, until there is one."""
    def refuse(thread):
        raise RuntimeError("can't start new thread")
    monitor.session = types.SimpleNamespace(wants_room=lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not monitor.give_way({"mmap"}) and not monitor.without
        monitor.grow()
        assert monitor.growth is None
    monitor.grow()
    assert monitor.growth.entries == 4 * Loaded.entries
    grown(monitor)


def test_programs_of_somebody_else_are_not_replaced(monitor):
    monitor.owned = False
    assert not monitor.give_way({"mmap"})


def test_a_larger_hash_that_cannot_be_had_is_the_end(monitor):
    def refuse(entries):
        raise KernelError("fim: no memory")
    monitor.load = refuse
    monitor.enlarge()
    with pytest.raises(KernelError):
        grown(monitor)
