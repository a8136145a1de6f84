# SPDX-License-Identifier: GPL-2.0-only
"""The workload programs: built, run, and what each says that it did."""
import errno
import json
import os
import shutil
import subprocess
import time

from watcher import ROOT

SOURCES = os.path.join(ROOT, "tests", "system", "workloads")
BUILT = os.path.join(ROOT, "build", "workloads")
TIMES = 23
# busybox forks for mkdir and the like and starts no program, which an emulated machine takes
# 0.1 s for.
BUSYBOX = shutil.which("busybox") or shutil.which("/run/fim-vm/busybox")
SHELL = [BUSYBOX, "sh"] if BUSYBOX else ["sh"]
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def build(directory):
    """The programs, copied to `directory`: a file system whose inode numbers are its own."""
    subprocess.run(["make", "-s", "-C", SOURCES, "OUT=" + BUILT], check=True)
    shutil.copytree(BUILT, directory)
    return directory


def make(path, text="x\n"):
    """A file with this text; its path."""
    with open(path, "w") as file:
        file.write(text)
    return path


def append(path):
    """One modification and one close by this process."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b"one line more\n")
    os.close(descriptor)


def error_name(number):
    """As the kernel's own text has it; None for 0."""
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number)


class Report:
    """What one run of a workload did, by its own account.

    program, arguments, cwd   how it was run, as the host names it
    acts                      one dictionary an act (workload.h)
    refused                   None, or by which error the kernel cannot do it (its name)
    who                       its own words for the rest
    """

    def __init__(self, program, arguments, cwd, who):
        self.program, self.arguments, self.cwd, self.who = program, arguments, cwd, who
        self.acts = who["acts"]
        self.refused = error_name(who["refused"])
        self.parent = {"pid": os.getpid(), "exe": os.path.realpath("/proc/self/exe")}

    @property
    def start_ns(self):
        """When it was started by the wall clock, to the tick."""
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        return int((time.time() - since_boot) * 10**9) + self.who["start_ticks"] * TICK_NS


class Workloads:
    """The directory with the programs."""

    def __init__(self, directory):
        self.directory = directory

    def program(self, name):
        """Its path."""
        return os.path.join(self.directory, name)

    def run(self, name, directory, *arguments, root=None, before=None, pass_fds=()):
        """Run a workload in `directory`, below `root` after chroot; `before` runs in the child."""
        words = (["--root", root] if root else []) + [directory] + [str(a) for a in arguments]
        done = subprocess.run([self.program(name)] + words, stdout=subprocess.PIPE, check=True,
                              cwd="/", start_new_session=True, preexec_fn=before,
                              pass_fds=pass_fds)
        return Report(self.program(name), [self.program(name)] + words,
                      (root or "") + directory, json.loads(done.stdout.decode("utf-8")))
