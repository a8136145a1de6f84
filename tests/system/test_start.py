# SPDX-License-Identifier: GPL-2.0-only
"""Acts during the whole start: afterwards every inode of the tree is watched.

A start of the program is a compile; many starts share one set of attached programs.
"""
import json
import os
import signal
import subprocess
from collections import Counter

import pytest

from fim import bpf
from fim.kernel import Kernel
from listener import RING_PAGES, listening
from watcher import Watcher
from workload import append, make

STARTS = int(os.environ.get("FIM_TEST_STARTS", "10"))


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
    """One write to each inode, a new file in each directory and gone; what must be told."""
    files, directories = names(tree)
    for path in files.values():
        append(path)
    new = [make(os.path.join(path, "new"), "") for path in directories]
    for path in new:
        os.unlink(path)
    wants = [(op, path) for path in files.values() for op in ("modify", "close")]
    return Counter(wants + [(op, path) for path in new for op in ("create", "unlink")])


def check_all(tree, settle):
    """`settle` gives the records since it was called last."""
    assert [record for record in settle() if record["kind"] == "gap"] == []
    wants = act_on_all(tree)
    got = Counter((record["op"], record["path"]) for record in settle()
                  if record["kind"] == "event")
    assert (sorted((wants - got).items()), sorted((got - wants).items())) == ([], [])


@pytest.fixture
def tree(base, request):
    kind = "ext4" if "ext4" in base else next(iter(base))
    path = os.path.join(base[kind], "outside", request.node.name)
    os.mkdir(path)
    return path


def test_busy_during_the_start(workloads, tree, scratch):
    churn = Churn(workloads, tree, 0)
    try:
        # The churn and the reader share one core of the host: the ring must hold what comes meanwhile.
        with Watcher(scratch / "start", [tree], "--ring-pages", str(RING_PAGES)) as watcher:
            watcher.wait_ready()
            assert churn.stop() > 100
            check_all(tree, watcher.settle)
    finally:
        churn.process.kill()


def start_once(workloads, tree, attachment, number):
    churn = Churn(workloads, tree, number)
    try:
        with listening(attachment, tree) as listener:
            churn.stop()
            check_all(tree, listener.settle)
    finally:
        churn.process.kill()


def test_busy_during_many_starts(workloads, tree):
    attachment = bpf.attach(Kernel.of_this_host(), 65536)
    try:
        for number in range(STARTS):
            start_once(workloads, tree, attachment, number)
    finally:
        attachment.close()
