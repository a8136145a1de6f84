# SPDX-License-Identifier: GPL-2.0-only
"""Descriptors and mappings that are older than the monitor."""
import mmap
import os
import signal
import subprocess
import threading
import time

import fim
from fim import bpf
from fim.kernel import Kernel
from listener import listening
from watcher import START_PATIENCE
from workload import append, make

FIND = fim.Monitor.find

OPEN = "open for writing before the monitor started"
MAPPED = "mapped shared and writable before the monitor started"


def closes(listener):
    """[(path, count)] of the closes told since, and nothing else was."""
    events = [record for record in listener.settle() if record["kind"] == "event"]
    assert {record["op"] for record in events} <= {"close"}, events
    return [(record["path"], record["count"]) for record in events]


def test_a_descriptor_is_told_at_its_close(attachment, each_tree):
    """Once, though nothing was written; a younger one and a reader are not."""
    path = make(each_tree + "/watched/file")
    older, reader = os.open(path, os.O_RDWR), os.open(path, os.O_RDONLY)
    twin = os.dup(older)
    with listening(attachment, each_tree + "/watched") as listener:
        assert listener.said("found") == {(path, OPEN)}
        os.close(os.open(path, os.O_WRONLY))
        os.close(reader)
        os.close(older)
        assert closes(listener) == []
        os.close(twin)
        assert closes(listener) == [(path, 0)]
        os.close(os.open(path, os.O_WRONLY))
        assert closes(listener) == []
        assert listener.monitor.counts()["older"] == 1


def test_what_it_writes_is_counted(attachment, tree):
    path = make(tree + "/watched/file")
    older = os.open(path, os.O_WRONLY | os.O_APPEND)
    with listening(attachment, tree + "/watched") as listener:
        listener.settle()
        os.write(older, b"more\n")
        os.close(older)
        modified, closed = [r for r in listener.settle() if r["kind"] == "event"]
        assert (modified["op"], closed["op"], closed["count"]) == ("modify", "close", 1)


def test_in_a_directory_that_is_moved_in(attachment, tree):
    """What it wrote while it was looked at, its close tells."""
    os.mkdir(tree + "/outside/coming")
    path = tree + "/watched/coming/file"
    make(tree + "/outside/coming/file")
    with listening(attachment, tree + "/watched") as listener:
        older = os.open(tree + "/outside/coming/file", os.O_WRONLY)
        os.rename(tree + "/outside/coming", tree + "/watched/coming")
        assert (path, "in a directory that was moved in") in listener.said("found")
        os.close(older)
        assert closes(listener) == [(path, 0)]
        os.close(os.open(path, os.O_WRONLY))
        assert closes(listener) == []


def test_through_a_name_outside(attachment, tree):
    """The inode is what is looked for."""
    path = make(tree + "/watched/file")
    os.link(path, tree + "/outside/link")
    older = os.open(tree + "/outside/link", os.O_WRONLY)
    with listening(attachment, tree + "/watched") as listener:
        assert listener.said("found") == {(path, OPEN)}
        os.close(older)
        assert closes(listener) == [(path, 0)]


def test_a_mapping_is_told_at_its_last_unmap(attachment, each_tree, cell, request):
    """A store into a page that is dirty already fires nothing."""
    cell("map", "older mapping", request.node.callspec.params["each_tree"])
    path = make(each_tree + "/watched/file", "x" * 4096)
    descriptor = os.open(path, os.O_RDWR)
    mapping = mmap.mmap(descriptor, 4096)
    os.close(descriptor)
    mapping[0] = 1
    with listening(attachment, each_tree + "/watched") as listener:
        assert (path, MAPPED) in listener.said("found")
        mapping[0] = 2
        listener.settle()
        mapping.close()
        assert [path for path, _ in closes(listener)] == [path]


def test_what_is_not_watched_is_not_told(attachment, tree):
    older = os.open(make(tree + "/outside/file"), os.O_WRONLY)
    with listening(attachment, tree + "/watched") as listener:
        assert listener.said("found") == set()
        os.close(older)
        append(tree + "/outside/file")
        assert closes(listener) == []


def test_a_larger_hash_knows_it(tree):
    """What is marked in one hash is marked in its successor."""
    path = make(tree + "/watched/file")
    older, end = os.open(path, os.O_WRONLY), time.monotonic() + START_PATIENCE
    small = bpf.attach(Kernel.of_this_host(), 1000)
    try:
        with listening(small, tree + "/watched") as listener:
            for n in range(900):
                make(tree + "/watched/f%d" % n, "")
            while listener.monitor.attachment is small and time.monotonic() < end:
                listener.settle()
            assert listener.monitor.attachment is not small
            listener.settle()
            os.close(older)
            assert closes(listener) == [(path, 0)]
    finally:
        small.close()


def children(others=()):
    """Our own, by /proc, without looking at `others`."""
    for name in filter(str.isdigit, set(os.listdir("/proc")).difference(others)):
        try:
            with open("/proc/%s/stat" % name) as file:
                words = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[1]) == os.getpid():
            yield int(name)


def stop_first_but(others, stopped):
    """Stop the first child that is none of `others`, names in /proc, as one that hangs."""
    end = time.monotonic() + 60
    while not stopped and time.monotonic() < end:
        stopped += sorted(children(others))[:1]
    os.kill(stopped[0], signal.SIGSTOP)


def test_who_hangs_is_left_behind(attachment, tree, monkeypatch):
    """The look goes on behind the process that it hung at, and that is said."""
    def find(monitor):
        """The children that were there before, such as the canary's, are gone by now."""
        thread.start()
        FIND(monitor)
    path = make(tree + "/watched/file")
    idle = [subprocess.Popen(["sleep", "600"]) for _ in range(300)]  # it must take some time
    with open(path, "r+") as older:
        last = subprocess.Popen(["sleep", "600"], pass_fds=[older.fileno()])
    stopped = []
    thread = threading.Thread(target=stop_first_but, args=(os.listdir("/proc"), stopped))
    try:
        monkeypatch.setattr(fim.Monitor, "find", find)
        with listening(attachment, tree + "/watched") as listener:
            records = listener.settle()
            errors = [record for record in records if record["kind"] == "error"]
            assert len(errors) == 1 and errors[0]["where"].startswith("/proc/"), errors
            assert "hangs" in errors[0]["message"]
            assert [record["path"] for record in records if record["kind"] == "found"] == [path]
            last.kill()
            last.wait()
            assert closes(listener) == [(path, 0)]
    finally:
        if thread.ident:
            thread.join()
        for process in idle + [last]:
            process.kill()
            process.wait()
    assert not os.path.exists("/proc/%d" % stopped[0])
