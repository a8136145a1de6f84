# SPDX-License-Identifier: GPL-2.0-only
"""Attributes on a kernel that has nothing which runs only after success: what it has is hidden."""
import errno
import mmap
import os
import time

import pytest

from fim import bpf
from fim.kernel import Kernel
from listener import listening
from test_attribute import ACL, ONE_MORE_READER, as_nobody
from workload import make

AFTER = {"security_inode_post_setattr", "evm_inode_post_setattr", "evm_inode_post_setxattr",
         "security_inode_post_removexattr", "evm_inode_post_removexattr",
         "security_inode_post_set_acl", "security_inode_post_remove_acl", "perf_event_mmap"}
PATIENCE = 10  # seconds; a gap is told after two


@pytest.fixture(scope="module")
def asking(capable):
    """Programs that take the return for the answer."""
    kernel = Kernel.of_this_host()
    kernel.symbols -= AFTER
    attachment = bpf.attach(kernel, 65536)
    assert ("notify_change%return", "fim_answer") in attachment.probes
    yield attachment
    attachment.close()


@pytest.fixture
def file(each_tree):
    return make(each_tree + "/watched/file", "as it was\n")


ACTS = (
    ("chmod", lambda path: os.chmod(path, 0o604)),
    ("chown", lambda path: os.chown(path, 1, 2)),
    ("utimes", lambda path: os.utime(path, (1, 2))),
    ("truncate", lambda path: os.truncate(path, 1)),
    ("truncate", lambda path: os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))),
    ("setxattr", lambda path: os.setxattr(path, "trusted.x", b"y")),
    ("removexattr", lambda path: os.removexattr(path, "trusted.x")),
    ("setxattr", lambda path: os.setxattr(path, ACL, ONE_MORE_READER)),
    ("removexattr", lambda path: os.removexattr(path, ACL)),
)


def test_what_succeeded(asking, file):
    with listening(asking, os.path.dirname(file)) as listener:
        listener.settle()
        for _, act in ACTS:
            act(file)
        events = [record for record in listener.settle() if record["kind"] == "event"]
    assert [(event["op"], event["path"]) for event in events] == [(op, file) for op, _ in ACTS]
    assert events[0]["changed"]["mode"]["after"] == "0604"
    assert [event["xattr"]["name"] for event in events[5:]] == ["trusted.x"] * 2 + [ACL] * 2


def test_what_failed(asking, file):
    other = make(os.path.dirname(file) + "/../outside/other")
    os.chmod(file, 0o644)
    with listening(asking, os.path.dirname(file)) as listener:
        listener.settle()
        assert as_nobody(lambda: os.chmod(file, 0o777)) == errno.EPERM
        assert as_nobody(lambda: os.utime(file, (1, 1))) == errno.EPERM
        with pytest.raises(OSError):
            os.removexattr(file, "trusted.x")
        os.chmod(other, 0o600)  # nor is another's success its own
        assert listener.settle() == []


def test_mapped(asking, file):
    """By the other function that every mapping passes."""
    with listening(asking, os.path.dirname(file)) as listener:
        listener.settle()
        with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), 1):
            pass
        assert listener.acts() == [("mmap", file), ("close", file)]


def test_a_missed_return_is_a_gap(asking, tree):
    """The last one: from here on nothing answers."""
    path = make(tree + "/watched/file")
    with listening(asking, tree + "/watched") as listener:
        listener.settle()
        os.close(asking.probes.pop(("notify_change%return", "fim_answer")))
        os.chmod(path, 0o600)
        gaps, end = set(), time.monotonic() + PATIENCE
        while not gaps and time.monotonic() < end:
            gaps = listener.said("gap")
    assert gaps == {(None, "no return was seen of an act under way")}
