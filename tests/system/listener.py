# SPDX-License-Identifier: GPL-2.0-only
"""A monitor of this process, on programs that are attached already."""
import contextlib
import time

import fim
from fim import bpf, hooks
from fim.kernel import Kernel
from watcher import Checker

ENTRIES = 65536  # room for watched inodes
QUIET = 0.3  # seconds
RING_PAGES = 4096  # who acts and who reads is one process here


def attached():
    """Programs for monitors of this process; a hook that this kernel refuses has given way, as
    Monitor.prove() has it do."""
    kernel = Kernel.of_this_host()
    attachment = bpf.attach(kernel, ENTRIES)
    refused = [hook for hook in attachment.chosen if hook not in attachment.hooks]
    without = hooks.give_way(kernel, refused)
    if not without:
        return attachment
    attachment.close()
    return bpf.attach(kernel, ENTRIES, without)


class Listener:
    """A monitor and its records, every one checked."""

    def __init__(self, monitor, checker):
        self.monitor, self.checker = monitor, checker

    def settle(self):
        """What it has to say until it has nothing more."""
        lines, until = [], 0  # while it compares, a pump does not wait
        while not until or time.monotonic() < until:
            new = self.monitor.pump(100).splitlines()
            lines += new
            until = time.monotonic() + QUIET if new or not until else until
        return [self.checker.record(line) for line in lines]

    def acts(self):
        """[(operation, path)] of what was done since."""
        return [(record["op"], record["path"]) for record in self.settle()
                if record["kind"] == "event"]

    def said(self, kind):
        """{(path, reason)} of the records of a kind since."""
        return {(record.get("path"), record["reason"]) for record in self.settle()
                if record["kind"] == kind}


@contextlib.contextmanager
def listening(attachment, *paths, first=lambda: None, output=None, **options):
    """A listener on these paths; what it says of its start is still to be read.

    `first` is called just before the start; `output` is what Monitor.open() takes."""
    checker = Checker()
    monitor = fim.Monitor(*paths, attachment=attachment, ring_pages=RING_PAGES, **options)
    first()
    with monitor.open(*([] if output is None else [output])):
        yield Listener(monitor, checker)
