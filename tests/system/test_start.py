# SPDX-License-Identifier: GPL-2.0-only
"""Acts during the whole start: afterwards every inode of the tree is watched.

A start of the program is a compile. Where fim.Monitor can be given an attachment
that is already there, many starts cost one.
"""
import inspect
import json
import os
import signal
import subprocess

import pytest

from watcher import Watcher
from workload import append, make

REUSED = "attachment"


def starts():
    """How many."""
    return int(os.environ.get("FIM_TEST_STARTS", "3"))


class Churn:
    """A process that creates, links, renames, writes and removes all the time."""

    def __init__(self, workloads, directory, seed):
        self.process = subprocess.Popen([workloads.program("churn"), directory, str(seed)],
                                        stdout=subprocess.PIPE)

    def stop(self):
        """How many acts it did."""
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate()[0].decode())["rounds"]


def names(tree):
    """{(dev, ino): a path} of the regular files, and the paths of the directories."""
    files, directories = {}, []
    for top, below, here in os.walk(tree):
        directories.append(top)
        for path in (os.path.join(top, name) for name in here):
            status = os.lstat(path)
            files[status.st_dev, status.st_ino] = path
    return files, directories


def act_on_all(tree):
    """One write to each inode, one new file in each directory; what must be told."""
    files, directories = names(tree)
    for path in files.values():
        append(path)
    new = [make(os.path.join(path, "new"), "") for path in directories]
    wants = [(op, path) for path in files.values() for op in ("modify", "close")]
    return sorted(wants + [("create", path) for path in new])


def check_all(tree, settle):
    """`settle` gives the records since it was called last."""
    settle()
    wants = act_on_all(tree)
    got = [(record["op"], record["path"]) for record in settle() if record["kind"] == "event"]
    assert sorted(got) == wants


@pytest.fixture
def tree(base, request):
    kind = "ext4" if "ext4" in base else next(iter(base))
    path = os.path.join(base[kind], "outside", request.node.name)
    os.mkdir(path)
    return path


def start_once(workloads, tree, directory, seed):
    churn = Churn(workloads, tree, seed)
    try:
        with Watcher(directory, [tree]) as watcher:
            watcher.wait_ready()
            assert churn.stop() > 100
            check_all(tree, watcher.settle)
    finally:
        churn.process.kill()


def test_busy_during_the_start(workloads, tree, scratch):
    for number in range(starts()):
        start_once(workloads, tree, scratch / ("start%d" % number), number)


def attach():
    """One set of programs for many monitors, or None where that cannot be."""
    import fim
    if REUSED not in inspect.signature(fim.Monitor.__init__).parameters:
        return None
    from fim import bpf
    from fim.kernel import Kernel
    return bpf.attach(Kernel.of_this_host(), 65536)


def records_of(monitor):
    """The records of a monitor of this process, until it has nothing more to say."""
    found, quiet = [], 0
    while quiet < 3:
        lines = monitor.pump(100).splitlines()
        found += [json.loads(line.decode("utf-8")) for line in lines]
        quiet = 0 if lines else quiet + 1
    return found


def test_busy_during_many_starts(workloads, tree):
    import fim
    attachment = attach()
    if not attachment:
        return
    for number in range(int(os.environ.get("FIM_TEST_STARTS", "100"))):
        churn = Churn(workloads, tree, 1000 + number)
        try:
            with fim.Monitor(tree, attachment=attachment) as monitor:
                churn.stop()
                check_all(tree, lambda: records_of(monitor))
        finally:
            churn.process.kill()
