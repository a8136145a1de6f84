# SPDX-License-Identifier: GPL-2.0-only
"""The array by which hooks leave most inodes alone never hides one that is watched."""
import ctypes
import os
import struct

import pytest
from bcc.libbcc import lib

from fim import bpf
from fim.kernel import Kernel
from listener import listening
from test_start import Churn, act_on_all
from workload import make

ABSENT, BITS, SLOTS = 1 << 30, 18, 16  # FIM_ABSENT ... of bpf_c/event.h
DEVICE = 0xffffffff  # of a key that is a device's
FILES = 300


def slots(attachment):
    """The count of every slot."""
    found, value = [], ctypes.create_string_buffer(4 * SLOTS)
    for block in range((1 << BITS) // SLOTS):
        assert lib.bpf_lookup_elem(attachment.maps["absent"], ctypes.byref(ctypes.c_uint(block)),
                                   value) == 0
        found += struct.unpack("<%dI" % SLOTS, value)
    return found


def slot_of(ino):
    return (ino * 0x9e3779b97f4a7c15 & (1 << 64) - 1) >> (64 - BITS)


def keys(attachment):
    """(inode, device) of all that is in the hash, but for devices and overlays themselves."""
    descriptor, found = attachment.maps["watched"], []
    key, after = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16)
    key.raw = b"\xff" * 16  # that nobody has: the first comes
    while lib.bpf_get_next_key(descriptor, key, after) == 0:
        key.raw = after.raw
        ino, dev, _ = struct.unpack("<QII", key.raw)
        if ino and dev != DEVICE:
            found.append((ino, dev))
    return found


def check(attachment):
    """Every key counts; how many slots are certainly nobody's."""
    counts = slots(attachment)
    watched = keys(attachment)
    assert [key for key in watched if counts[slot_of(key[0])] == ABSENT] == []
    assert watched
    return counts.count(ABSENT)


@pytest.fixture(scope="module")
def attachment(workloads):
    """Where an overlay has been watched the array does not serve any more: that test is the last
    of them on a file system each."""
    made = bpf.attach(Kernel.of_this_host(), 65536)
    yield made
    made.close()


def test_whoever_is_watched_counts(each_tree, workloads, attachment):
    """By scanning, inheriting, renaming and linking, all at once; on overlayfs all may be."""
    tree = os.path.join(each_tree, "watched")
    for number in range(FILES):
        make(os.path.join(tree, "f%d" % number), "")
    churn = Churn(workloads, tree, 7)
    try:
        with listening(attachment, tree) as listener:
            churn.stop()
            nobodys = check(attachment)
            assert nobodys == 0 if "overlay" in each_tree else nobodys > (1 << BITS) / 2
            listener.settle()
            act_on_all(tree)
            check(attachment)
    finally:
        churn.process.kill()


def test_what_hooks_count_they_take_back(tree, attachment):
    """Or the array would be worth nothing after a while in a busy directory."""
    tree = os.path.join(tree, "watched")
    with listening(attachment, tree) as listener:
        before = slots(attachment)
        for number in range(FILES):
            make(os.path.join(tree, "f%d" % number), "")
        listener.settle()
        assert sum(slots(attachment)) == sum(before) + FILES
        for number in range(FILES):
            os.unlink(os.path.join(tree, "f%d" % number))
        listener.settle()
        assert slots(attachment) == before
