"""`fim doctor`: what this kernel can and cannot show, and how to mend it."""

import os

from fim import conditions, coverage, hooks, places
from fim.diagnosis import BLIND, DEGRADED, OK, Finding
from fim.errors import FimError
from fim.kernel import Kernel
from fim.monitor import Monitor
from fim.trial import Trial

__all__ = ["Examination"]

PLACE = "/run"


class Examination:
    """Looks at this host, and at its kernel or one that is installed.

    findings  in the order in which things can fail
    coverage  as the record has it; empty where nothing was loaded
    trial     every act by every way (fim.trial.Trial), if `full`; None where nothing was loaded
    """

    def __init__(self, kernel=None, quick=False, full=False):
        self.kernel = kernel or Kernel.of_this_host()
        self.running = self.kernel.release == os.uname()[2]
        self.coverage, self.trial = {}, None
        self.findings = [Finding(OK, "kernel", self.kernel.release)]
        self.findings += conditions.of_kernel(self.kernel)
        if self.running:
            self.findings += conditions.of_host()
        if self.running and not quick and not self.is_blind():
            self.load(full)

    def is_blind(self):
        """Whether there is no use in loading anything."""
        return any(finding.state == BLIND for finding in self.findings)

    def load(self, full):
        """Attach, and let the canary sing: on every type of local file system, and by every way,
        if `full`."""
        types = ({mount.type for mount in places.mounts() if mount.writable}
                 & places.local_types() if full else ())
        try:
            with Monitor(PLACE, kernel=self.kernel, one_file_system=True, prove_on=types,
                         canary_seconds=None) as monitor:
                self.coverage = monitor.coverage
                self.findings += list(operations(monitor))
                if full:
                    self.trial = Trial(monitor.session, types, monitor.gather,
                                       coverage.not_seen(self.coverage)).run()
                    self.findings += list(by_ways(self.trial))
        except FimError as error:
            self.findings.append(Finding(BLIND, "programs", str(error)))


def operations(monitor):
    """One line an operation that is built."""
    for operation in hooks.OPERATIONS:
        names = coverage.functions(monitor.attachment, operation)
        cells = monitor.coverage[operation].values()
        states = {cell["state"] for cell in cells}
        why = "; ".join(sorted({cell["why"] for cell in cells if cell["why"]}))
        if states & {coverage.NOT_SEEN, coverage.DEGRADED}:
            yield Finding(DEGRADED, operation, "%s: %s" % (", ".join(sorted(states)), why))
        elif states == {coverage.COVERED}:
            yield Finding(OK, operation, "proven: " + names)
        else:
            yield Finding(OK, operation, "assumed (%s): %s" % (why, names))


def by_ways(trial):
    """One line a way and type where something was not seen, and one for all the rest."""
    failures = trial.failures()
    for way, kind, whys in failures:
        yield Finding(DEGRADED, "ways", "by %s on %s: not seen: %s" % (
            way, kind, "; ".join("%s (%s)" % pair for pair in sorted(whys.items()))))
    if not failures:
        yield Finding(OK, "ways", "all that was done by %d ways was seen" % len(trial.cells))
