"""`fim doctor`: what this kernel can and cannot show, and how to mend it."""

import os

from fim import bpf, coverage, hooks
from fim.errors import FimError
from fim.kernel import Kernel
from fim.monitor import Monitor

__all__ = ["Finding", "examine", "status"]

OK, DEGRADED, BLIND = 0, 1, 2
WORDS = {OK: "ok", DEGRADED: "degraded", BLIND: "blind"}
PLACE = "/run"


class Finding:
    """One line of the report: what was asked, the answer, and the mend."""

    def __init__(self, state, what, answer):
        self.state = state
        self.what = what
        self.answer = answer

    def text(self):
        """For people."""
        return "%-9s %-11s %s" % (WORDS[self.state], self.what, self.answer)

    def as_dict(self):
        """For programs."""
        return {"what": self.what, "state": WORDS[self.state], "answer": self.answer}


def examine(kernel=None, quick=False):
    """Every Finding, in the order in which things can fail; `quick` loads nothing."""
    kernel = kernel or Kernel.of_this_host()
    findings = [Finding(OK, "kernel", kernel.release)]
    findings += list(rights(kernel))
    if quick or any(finding.state == BLIND for finding in findings):
        return findings
    try:
        with Monitor(PLACE, kernel=kernel, one_file_system=True) as monitor:
            findings.append(Finding(OK, "bcc", monitor.attachment.bcc))
            findings += list(operations(monitor))
    except FimError as error:
        findings.append(Finding(BLIND, "programs", str(error)))
    return findings


def rights(kernel):
    """What can be asked without loading anything."""
    root = os.geteuid() == 0
    yield Finding(OK if root else BLIND, "root", "yes" if root else "no: run it with sudo")
    yield Finding(OK if kernel.kprobe_pmu else BLIND, "kprobes",
                  "by perf" if kernel.kprobe_pmu else "none: boot a kernel with CONFIG_KPROBES")
    yield headers(kernel)


def headers(kernel):
    """Whether there are headers, and whether they are this kernel's."""
    mend = "install %s" % bpf.header_package(kernel.release)
    if kernel.header_path is None:
        return Finding(BLIND, "headers", "none: " + mend)
    if kernel.built_for not in (None, kernel.release):
        return Finding(BLIND, "headers", "%s is of kernel %s: %s"
                       % (kernel.header_path, kernel.built_for, mend))
    return Finding(OK, "headers", kernel.header_path)


def operations(monitor):
    """One line an operation that is built."""
    silent = coverage.not_seen(monitor.coverage)
    for operation in hooks.OPERATIONS:
        names = coverage.functions(monitor.attachment, operation)
        cell = monitor.coverage[operation].get(coverage.CANARY_TYPE, {})
        if operation in silent:
            yield Finding(DEGRADED, operation, silent[operation])
        elif cell.get("state") == coverage.ASSUMED:
            yield Finding(OK, operation, "assumed (%s): %s" % (cell["why"], names))
        else:
            yield Finding(OK, operation, "proven: " + names)


def status(findings):
    """The exit status: 0 all well, 1 degraded, 2 blind."""
    return max(finding.state for finding in findings)
