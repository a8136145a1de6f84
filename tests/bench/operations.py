"""What each operation costs with fim, beside nothing and beside what one would use instead.

Run by `make bench` in the virtual machine with -icount: one CPU, and a
nanosecond is a guest instruction, so that the figures repeat within about one
per cent and hold the watcher's own work.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

REPEATS = "2000"
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def build(directory):
    """The workload, compiled."""
    binary = os.path.join(directory, "operations")
    subprocess.check_call(["gcc", "-O2", "-Wall", "-Wextra", "-o", binary,
                           os.path.join(HERE, "operations.c")])
    return binary


def wait_for(condition, seconds=600):
    """Until `condition()` is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("bench: waited in vain")
        time.sleep(0.1)


@contextlib.contextmanager
def nothing(watched):
    """No watcher."""
    del watched
    yield


@contextlib.contextmanager
def fim(watched):
    """fim watch, to a file."""
    ready = watched + ".ready"
    process = subprocess.Popen([sys.executable, "-m", "fim", "watch", "--format", "json",
                                "--output", watched + ".json", "--ready-file", ready, watched],
                               cwd=ROOT)
    wait_for(lambda: os.path.exists(ready) or process.poll() is not None)
    if process.poll() is not None:
        sys.exit("bench: fim watch did not start")
    yield
    process.terminate()
    process.wait()


@contextlib.contextmanager
def inotifywait(watched):
    """inotifywait -m -r, to a file."""
    with open(watched + ".inotify", "wb") as output, open(watched + ".err", "w+b") as errors:
        process = subprocess.Popen(["inotifywait", "-m", "-r", watched], stdout=output,
                                   stderr=errors)
        wait_for(lambda: b"established" in open(watched + ".err", "rb").read())
        yield
        process.terminate()
        process.wait()


@contextlib.contextmanager
def auditd(watched):
    """auditd with a write-and-attribute watch on the directory."""
    subprocess.check_call(["auditd"])
    subprocess.check_call(["auditctl", "-b", "65536"], stdout=subprocess.DEVNULL)
    subprocess.check_call(["auditctl", "-w", watched, "-p", "wa"], stdout=subprocess.DEVNULL)
    yield
    subprocess.call(["auditctl", "-D"], stdout=subprocess.DEVNULL)
    subprocess.call(["pkill", "-x", "auditd"])


WATCHERS = (("nothing", nothing, None), ("inotifywait", inotifywait, "inotifywait"),
            ("auditd", auditd, "auditd"), ("fim", fim, None))


def measure(binary, directory):
    """{operation: ns} in `directory`."""
    return json.loads(subprocess.check_output([binary, directory, REPEATS]).decode())


def rows(base, binary):
    """(name, {operation: ns} watched, {operation: ns} elsewhere) of each watcher there is."""
    for name, watcher, program in WATCHERS:
        if program and not shutil.which(program):
            print("(%s is not installed)" % program)
            continue
        watched, elsewhere = (os.path.join(base, name, part) for part in ("in", "out"))
        os.makedirs(watched)
        os.makedirs(elsewhere)
        with watcher(watched):
            yield name, measure(binary, watched), measure(binary, elsewhere)


def table(found):
    """The figures, and each as a ratio to nothing."""
    base = found[0][1]
    columns = [(name + suffix, figures) for name, watched, elsewhere in found
               for suffix, figures in ((", watched", watched), (", elsewhere", elsewhere))
               if name != "nothing" or suffix == ", watched"]
    print("| operation | " + " | ".join(name for name, _ in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for operation, plain in base.items():
        cells = ["%d (%.2f)" % (figures[operation], figures[operation] / plain)
                 for _, figures in columns]
        print("| %s | %s |" % (operation, " | ".join(cells)))


def main():
    """Measure and print."""
    base = tempfile.mkdtemp(prefix="fim-bench-")
    try:
        table(list(rows(base, build(base))))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
