# SPDX-License-Identifier: GPL-2.0-only
"""Somebody who may use bpf(2) takes what is watched out of the kernel's hash."""
import os
import struct
import time

from fim import _core
from listener import listening
from workload import make

ROUND = 1.0  # seconds
PATIENCE = 60.0
KEY = struct.Struct("=QII")  # struct fim_id


def take_out(attachment, path):
    """Its key."""
    st = os.lstat(path)
    device = os.major(st.st_dev) << 20 | os.minor(st.st_dev)
    _core.map_drop(attachment.maps["watched"], KEY.pack(st.st_ino, device, 0))


def until(listener, kind):
    """The records up to one of this kind."""
    records, end = [], time.monotonic() + PATIENCE
    while not any(record["kind"] == kind for record in records):
        assert time.monotonic() < end
        records += listener.settle()
    return records


def test_it_is_noticed_and_mended(attachment, tree):
    top = tree + "/watched"
    os.mkdir(top + "/d")
    make(top + "/d/file")
    with listening(attachment, top, canary_seconds=ROUND) as listener:
        listener.settle()
        for path in (top + "/d", top + "/d/file"):
            take_out(attachment, path)
        os.chmod(top + "/d/file", 0o600)
        make(top + "/d/new")
        records = until(listener, "gap_closed")
        assert not [record for record in records if record["kind"] == "event"]
        blind, = [record for record in records if record["kind"] == "blind"]
        assert "altered" in blind["reason"] and blind["since"] < blind["until"]
        found = {(record["path"][len(top):], record["state"]) for record in records
                 if record["kind"] == "reconcile"}
        assert {("/d/file", "changed"), ("/d/new", "new")} <= found
        os.chmod(top + "/d/file", 0o644)
        os.unlink(top + "/d/new")
        assert listener.acts() == [("chmod", top + "/d/file"), ("unlink", top + "/d/new")]


def test_what_comes_and_goes_is_not(attachment, tree):
    """Keys that the kernel removes with their inodes, while they are looked for."""
    top = tree + "/watched"
    with listening(attachment, top, canary_seconds=0.1) as listener:
        end = time.monotonic() + 5
        number, kinds = 0, set()
        while time.monotonic() < end:
            path = "%s/f%d" % (top, number % 50)
            make(path)
            if number % 2:
                os.rename(path, tree + "/outside/x")
                os.rename(tree + "/outside/x", path)
            os.unlink(path)
            number += 1
            if number % 20 == 0:
                kinds |= {record["kind"] for record in listener.settle()}
        kinds |= {record["kind"] for record in listener.settle()}
        assert not kinds & {"blind", "error", "gap"}
