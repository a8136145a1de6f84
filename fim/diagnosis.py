"""One line of the doctor's report, and what a report comes to."""

__all__ = ["BLIND", "DEGRADED", "OK", "Finding", "status"]

OK, DEGRADED, BLIND = 0, 1, 2
WORDS = {OK: "ok", DEGRADED: "degraded", BLIND: "blind"}


class Finding:
    """What was asked, the answer, and the mend."""

    def __init__(self, state, what, answer):
        self.state = state
        self.what = what
        self.answer = answer

    def text(self):
        """For people."""
        return "%-9s %-13s %s" % (WORDS[self.state], self.what, self.answer)

    def as_dict(self):
        """For programs."""
        return {"what": self.what, "state": WORDS[self.state], "answer": self.answer}


def status(findings):
    """The exit status: 0 all well, 1 degraded, 2 blind."""
    return max(finding.state for finding in findings)
