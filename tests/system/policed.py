# SPDX-License-Identifier: GPL-2.0-only
"""A running `fim watch -c`, and the alerts that come."""
import os
import time

import attacks
from watcher import PATIENCE, Watcher

QUIET_FOR = 8.0   # a new file waits a second for what belongs to it; judging takes time here
AMISS = ("error", "gap")


def amiss(records, kinds=AMISS):
    """Those of them that must not be."""
    return [record for record in records if record["kind"] in kinds]


def of_kind(records, kind):
    """Those of a kind."""
    return [record for record in records if record["kind"] == kind]


def summary(alerts):
    """What there is to say of each."""
    return ["%(rule)s: %(effect)s of %(path)s by %(process)s" % dict(
        alert, process=(alert.get("process") or {}).get("exe")) for alert in alerts]


def told_of(records, rule):
    """The paths that a rule told of, sorted."""
    return sorted(record["path"] for record in of_kind(records, "alert")
                  if record["rule"] == rule)


class Policed(Watcher):
    """Of policies {name: source}."""

    def __init__(self, directory, paths, policies):
        self.policies = os.path.join(str(directory), "policy.d")
        os.mkdir(self.policies, 0o700)
        for name, source in policies.items():
            self.write(name, source)
        super().__init__(directory, paths)

    def write(self, name, source):
        """A policy; at no moment is there half of it."""
        path = os.path.join(self.policies, name + ".py")
        with open(path + ".new", "w") as file:
            file.write(source)
        os.chmod(path + ".new", 0o600)
        os.rename(path + ".new", path)

    def launch(self, paths, options, form):
        return super().launch(paths, ["-c", self.policies], form)

    def records(self, quiet=QUIET_FOR, kinds=AMISS):
        """Until no alert, and nothing of what was done before, has come for so long."""
        found, end = self.settle(), time.monotonic() + quiet
        while time.monotonic() < end:
            for record in self.stream.read():
                found.append(record)
                if record["kind"] in ("alert", "transaction"):
                    end = time.monotonic() + quiet
            self.alive()
            time.sleep(0.05)
        assert not amiss(found, kinds), amiss(found, kinds)
        return found

    def waited(self, records, question, patience=PATIENCE):
        """Into `records`, until the answer is true of them."""
        end = time.monotonic() + patience
        while not question(records):
            assert time.monotonic() < end, "not within %d s" % patience
            records += self.stream.read()
            self.alive()
            time.sleep(0.05)

    def told(self, acts):
        """{mark: [alert]} of the alerts on these acts [(mark, function)], and those undone."""
        undone = []
        for text, act in acts:
            attacks.mark(text)
            undone += [] if act() else [text]
        attacks.mark("end")
        records = self.records()
        marks = {record["seq"]: os.path.basename(record["path"]) for record in records
                 if record.get("op") == "rmdir" and record["path"].startswith(attacks.MARKS)}
        assert len(marks) == len(acts) + 1
        found = {name: [] for name in marks.values()}
        for alert in of_kind(records, "alert"):
            found[marks[max(seq for seq in marks if seq < alert["events"][-1])]].append(alert)
        return found, undone
