# SPDX-License-Identifier: GPL-2.0-only
"""FIM_TEST_STEADY seconds (60) of a mixed load: memory stays, and nothing is lost unsaid."""
import itertools
import os
import time

from daemon import Daemon, create

SECONDS = float(os.environ.get("FIM_TEST_STEADY", 60))
MORE_KIB = 8192  # in the second half


def resident(process):
    """KiB of memory."""
    with open("/proc/%d/status" % process.pid) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def load(directory, until):
    """Files come, are written, renamed and go; how many rounds."""
    for number in itertools.count():
        if time.monotonic() >= until:
            return number
        path = "%s/n%d" % (directory, number)
        with open(path, "w") as file:
            file.write("steady\n")
        os.chmod(path, 0o640)
        os.rename(path, path + "x")
        os.unlink(path + "x")
        time.sleep(0.01)


def test_memory_stays(tree):
    watched, state = tree + "/watched", tree + "/outside/state"
    with Daemon(state, watched, options=["--segment-mib", "1"]) as daemon:
        begun = time.monotonic()
        rounds = load(watched, begun + SECONDS / 2)
        create(watched, 0, 1)
        daemon.heard_of(watched + "/f0")
        half = resident(daemon.process)
        rounds += load(watched, begun + SECONDS)
        create(watched, 1, 1)
        daemon.heard_of(watched + "/f1")
        end = resident(daemon.process)
        print("%d rounds in %d s: %d KiB, %d KiB at half the time" % (rounds, SECONDS, end, half))
        daemon.stop()
    ops = [record["op"] for record in daemon.records("event") if record["path"].startswith(watched)]
    kept = {op: ops.count(op) for op in ("create", "chmod", "rename", "unlink")}
    gaps = daemon.records("gap")
    assert gaps or kept["create"] == rounds + 2
    assert gaps or kept["rename"] == kept["unlink"] == rounds
    assert end - half < MORE_KIB
    daemon.check()
    assert daemon.fim("verify")[0] == 0
