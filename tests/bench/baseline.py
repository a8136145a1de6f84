"""What a baseline costs beside AIDE: the same tree, the same attributes, sha256, warm cache.

Run by `make bench-baseline`. The tree has 80,000 files and 5 GB, sizes as they are in /usr (many
small, few large), made once from a fixed seed. The commands are run in turns, three
times; the best counts. The whole tree is read before each, since the host of a virtual
machine takes pages out of its cache meanwhile.
"""

import argparse
import compileall
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SPREAD = 2.0  # of the logarithm of the sizes
AIDE = """
database_in=file:{state}/aide.db
database_out=file:{state}/{out}
gzip_dbout=no
num_workers={workers}
log_level=error
report_level=minimal
{tree} p+ftype+i+n+u+g+s+m+c+acl+selinux+xattrs+e2fsattrs+caps+sha256
"""


def make_tree(top, files, size):
    """Files below `top`, about forty in a directory, `size` bytes together."""
    chance = random.Random(5)
    sizes = [chance.lognormvariate(0, SPREAD) for _ in range(files)]
    scale = size / sum(sizes)
    block = chance.getrandbits(8 << 20).to_bytes(1 << 20, "little")
    for number, part in enumerate(sizes):
        directory = os.path.join(top, "%02d" % (number // 1600), "%02d" % (number // 40 % 40))
        os.makedirs(directory, exist_ok=True)
        length, offset = int(part * scale), chance.randrange(1 << 19)
        with open(os.path.join(directory, "file%05d" % number), "wb") as file:
            while length > 0:
                piece = block[offset:offset + length]
                file.write(piece)
                length, offset = length - len(piece), 0


class Figure:
    """The best of some runs of one command: seconds, CPU seconds, peak memory."""

    def __init__(self, command):
        self.command = command
        self.seconds = self.cpu = float("inf")
        self.memory = 0

    def run(self):
        """Once."""
        started = time.monotonic()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = min(self.seconds, time.monotonic() - started)
        process.returncode = os.WEXITSTATUS(status)
        if status:
            sys.exit("bench: %s ended with %d" % (" ".join(self.command), process.returncode))
        self.cpu = min(self.cpu, usage.ru_utime + usage.ru_stime)
        self.memory = max(self.memory, usage.ru_maxrss / 1024)


def aide(state, tree, workers, verb):
    """AIDE's command line for one of its verbs."""
    config = os.path.join(state, "aide%d%s.conf" % (workers, verb))
    out = "aide.db" if verb == "--init" else "aide.new"
    with open(config, "w") as text:
        text.write(AIDE.format(state=state, tree=tree, workers=workers, out=out))
    return ["aide", "--config", config, verb]


def fim(state, *arguments):
    """fim's."""
    return [sys.executable, "-m", "fim", arguments[0], "--state", state] + list(arguments[1:])


def warm(tree):
    """All of it is in the page cache."""
    block = bytearray(1 << 20)
    for top, _, names in os.walk(tree):
        for name in names:
            with open(os.path.join(top, name), "rb", 0) as file:
                while file.readinto(block):
                    pass


def in_turns(commands, tree, times):
    """{what: Figure} of {what: command}; in turns, so that all have the same luck."""
    figures = {name: Figure(command) for name, command in commands.items()}
    for _ in range(times):
        for figure in figures.values():
            warm(tree)
            figure.run()
    return figures


def table(figures):
    """Print them."""
    print("%-20s %8s %8s %8s" % ("", "seconds", "CPU s", "MB"))
    for name, figure in figures.items():
        print("%-20s %8.2f %8.2f %8.1f" % (name, figure.seconds, figure.cpu, figure.memory))


def measure(state, tree, workers, times):
    """{what: Figure} with `workers` threads each."""
    pinned = [] if workers > 1 else ["taskset", "-c", "0"]
    return in_turns({name: pinned + command for name, command in (
        ("aide --init", aide(state, tree, workers, "--init")),
        ("aide --check", aide(state, tree, workers, "--check")),
        ("fim init", fim(state, "init", "--replace", tree)),
        ("fim check", fim(state, "check")),
        ("fim check --quick", fim(state, "check", "--quick")))}, tree, times)


PAIRS = (("fim init", "aide --init"), ("fim check", "aide --check"),
         ("fim check --quick", "aide --check"))


def hash_rate():
    """Bytes of sha256 in a CPU second."""
    data, digest, times = bytes(1 << 20), hashlib.sha256(), 1024
    started = time.process_time()
    for _ in range(times):
        digest.update(data)
    return times * len(data) / (time.process_time() - started)


def show(figures, workers, times, size):
    """The table."""
    print("\n%d worker%s each, best of %d" % (workers, "s" * (workers > 1), times))
    table(figures)
    for ours, theirs in PAIRS:
        mine, other = figures[ours], figures[theirs]
        print("%s: %.1f times as fast as %s, with %.1f times less CPU time"
              % (ours, other.seconds / mine.seconds, theirs, other.cpu / mine.cpu))
    print("of fim check's CPU time about %.0f %% is hashing"
          % (100 * size / hash_rate() / figures["fim check"].cpu), flush=True)


def main():
    """Make the tree, measure, show."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=80000)
    options.add_argument("--gigabytes", type=float, default=5.0)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--tree", default=os.path.join(ROOT, "build", "bench-tree"))
    options = options.parse_args()
    size = options.gigabytes * 1e9
    if not os.path.exists(options.tree):
        make_tree(options.tree + ".new", options.files, size)
        os.rename(options.tree + ".new", options.tree)
    compileall.compile_dir(os.path.join(ROOT, "fim"), quiet=1)  # as it is where it is installed
    state = tempfile.mkdtemp(prefix="fim-bench-")
    try:
        for workers in sorted({1, len(os.sched_getaffinity(0))}, reverse=True):
            figures = measure(state, options.tree, workers, options.times)
            show(figures, workers, options.times, size)
    finally:
        shutil.rmtree(state)


if __name__ == "__main__":
    main()
