# SPDX-License-Identifier: GPL-2.0-only
"""What a start costs: compiled anew, and as an earlier start of this boot kept it; beside what any
tool of bcc's pays each time, which is the first of the two.

On a guest that counts instructions a second is 10^9 of them. Median of three each.
"""
import glob
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = "/run/fim/programs/*"
TIMES = 3
PATIENCE = 600  # seconds
TREE = ["/etc"]


def start(directory):
    """(seconds to proven, CPU seconds, MB at the most) of a `fim watch` and its loader."""
    ready = os.path.join(directory, "ready")
    begun = time.monotonic()
    watch = subprocess.Popen([sys.executable, "-m", "fim", "watch", "--format", "json", "--output",
                              os.path.join(directory, "records"), "--ready-file", ready] + TREE,
                             cwd=ROOT)
    while not os.path.exists(ready):
        assert watch.poll() is None and time.monotonic() < begun + PATIENCE, "fim did not start"
        time.sleep(0.01)
    seconds = time.monotonic() - begun
    watch.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(watch.pid, 0)  # with the loader's, which it has waited for
    assert status == 0, status
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def forget():
    """The next start compiles."""
    for path in glob.glob(KEPT):
        os.unlink(path)


def medians(directory, before):
    """Of each figure, in turns of `before` and a start."""
    rounds = []
    for _ in range(TIMES):
        before()
        rounds.append(start(directory))
    return [statistics.median(figures) for figures in zip(*rounds)]


def main():
    directory = tempfile.mkdtemp(prefix="fim-bench-")
    try:
        compiled = medians(directory, forget)
        kept = medians(directory, lambda: None)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("| start | compiled | kept | ratio |\n|---|---|---|---|")
    for name, first, again in zip(("seconds to proven", "CPU seconds, with the stop",
                                   "MB at the most"), compiled, kept):
        print("| %s | %.2f | %.2f | %.1f |" % (name, first, again, first / again))


if __name__ == "__main__":
    main()
