"""What each operation costs with fim, beside nothing and beside what one would use instead.

Run by `make bench` in the virtual machine with -icount: one CPU, and a
nanosecond is a guest instruction, so that the figures repeat within about one
per cent. A figure is the CPU time of the process that acts, hooks included, and
behind the plus that of the watcher's own processes for one operation, beyond
what they use when nothing happens.
"""

import contextlib
import glob
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


# auditd last: once it ran, every system call goes on taking the slow way, some 160
# instructions, until the next boot.
WATCHERS = (("nothing", nothing, None), ("inotifywait", inotifywait, "inotifywait"),
            ("fim", fim, None), ("auditd", auditd, "auditd"))


OPERATIONS = ("stat", "open read-only, close", "read 1 byte", "write 1 byte",
              "open, write, close", "create, close, unlink", "rename", "mkdir, rmdir",
              "chmod", "mmap shared, munmap")
SETTLE = 1.5  # seconds; a watcher is done with what it was told by then


def watchers():
    """CPU time, ns, of every process of a watcher so far, the kernel's audit thread included."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/task/*/schedstat"):
        with contextlib.suppress(OSError):
            with open(os.path.join(os.path.dirname(path), "comm")) as name:
                comm = name.read().strip()
            with open(os.path.join(os.path.dirname(path), "cmdline"), "rb") as line:
                watching = b"fim\0watch" in line.read()
            if watching or comm in ("inotifywait", "auditd", "kauditd"):
                with open(path) as figures:
                    total += int(figures.read().split()[0])
    return total


def idle(seconds=10):
    """ns of the watchers a second when nothing happens."""
    time.sleep(SETTLE)
    start, before = time.monotonic(), watchers()
    time.sleep(seconds)
    return (watchers() - before) / (time.monotonic() - start)


def measure(binary, directory, resting):
    """{operation: (ns of the actor, ns of the watchers)} in `directory`."""
    found = {}
    for operation in OPERATIONS:
        time.sleep(SETTLE)
        start, before = time.monotonic(), watchers()
        own = float(subprocess.check_output([binary, directory, REPEATS, operation]).decode())
        time.sleep(SETTLE)
        rest = resting * (time.monotonic() - start)
        found[operation] = own, max(0, watchers() - before - rest) / int(REPEATS)
    return found


def rows(base, binary):
    """(name, figures elsewhere, figures watched, idle) of each watcher there is."""
    for name, watcher, program in WATCHERS:
        if program and not shutil.which(program):
            print("(%s is not installed)" % program)
            continue
        watched, elsewhere = (os.path.join(base, name, part) for part in ("in", "out"))
        os.makedirs(watched)
        os.makedirs(elsewhere)
        with watcher(watched):
            resting = idle()
            yield (name, measure(binary, elsewhere, resting), measure(binary, watched, resting),
                   resting)


def table(found):
    """The figures, and each as a ratio to nothing."""
    plain = found[0][1]
    columns = [(name + suffix, figures) for name, elsewhere, watched, _ in found
               for suffix, figures in ((", elsewhere", elsewhere), (", watched", watched))
               if name != "nothing" or suffix == ", elsewhere"]
    print("| operation | " + " | ".join(name for name, _ in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for operation in OPERATIONS:
        print("| %s | %s |" % (operation, " | ".join(
            cell(figures[operation], plain[operation][0]) for _, figures in columns)))
    for name, _, _, resting in found[1:]:
        print("%s at rest: %.2f %% of this CPU" % (name, resting / 1e7))


def cell(figures, plain):
    """The actor's cost, its ratio to nothing, and the watcher's share."""
    own, watcher = figures
    share = " + %d" % watcher if watcher >= 1 else ""
    return "%d (%.2f)%s" % (own, own / plain, share)


def main():
    """Measure and print."""
    base = tempfile.mkdtemp(prefix="fim-bench-")
    try:
        table(list(rows(base, build(base))))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
