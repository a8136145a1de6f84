"""Policies: which paths are watched, what counts as a change, and which changes are alerts.

A policy file defines `policy`; importing it does nothing.

    from fim.policy import Policy
    from fim.presets import pci_dss

    policy = Policy("passwords", extends=[pci_dss.policy])
    etc = policy.watch("/etc", exclude=["*.swp"])

    @policy.rule(etc / "shadow", on={"content", "mode", "owner"}, severity="high")
    def password_database(change):
        "Password database changed by something that is not a password tool."
        if change.process.exe != "/usr/bin/passwd":
            return "{0.process.user} used {0.process.exe} on {0.path}".format(change)

What a rule returns is the alert's message; True stands for the first line of its
docstring, None and False for no alert. What it sees is a fim.change.Change.
"""

from fim.change import OPERATIONS
from fim.judge import Judge
from fim.records import Fields
from fim.rule import EventRule, Quiet, Rule, Window, Withhold, words
from fim.selection import Watch

__all__ = ["Alert", "Policy", "Window", "package_verified"]


class Alert(Fields):
    """What a rule said: rule, severity, tags, message, path, effect, changed, process, ..."""


class Policy:
    """Declares; does nothing.

    extends  policies whose watches, rules and exceptions are this one's, too
    without  names of rules of theirs that are left out
    labels   {name: text} for every record
    """

    def __init__(self, name, extends=(), without=(), labels=None):
        self.name = name
        self.watches = [watch for other in extends for watch in other.watches]
        self.rules = [rule for other in extends for rule in other.rules
                      if rule.name not in without]
        self.quiets = [quiet for other in extends for quiet in other.quiets]
        self.withheld = [item for other in extends for item in other.withheld]
        self.labels = dict(labels or {})
        unknown = set(without) - {rule.name for other in extends for rule in other.rules}
        if unknown:
            raise ValueError("without %r: no such rule is extended" % sorted(unknown)[0])

    def watch(self, path, exclude=(), content=None, growing=False, ops=None):
        """A subtree, a file, or a name to come; `/` on it selects of it.

        exclude  shell patterns of names that are not wanted, of paths where they have a slash
        content  "sha256": rules wait for the digest of what changed, and equal content is no
                 change, where digests are taken (fim run); None: they are asked at once
        growing  adding at the end is no change of content
        ops      the only operations wanted of it (None: all)
        """
        watch = Watch(path, exclude, content, growing, ops)
        self.watches.append(watch)
        if ops:
            self.withhold(watch, ops=set(OPERATIONS) - words(ops, OPERATIONS, "operation"))
        return watch

    def rule(self, *selections, on=None, severity="medium", tags=(), once_per=None, name=None,
             actions=()):
        """A decorator: the function is asked about changes of `selections` (none: all that is
        watched) with one of the effects `on` (none: all but times). Of alike alerts, by file,
        effect, program and login user, one comes in `once_per`; the next says how many did not.
        `actions` are asked for with each alert: stop or kill its process, copy its file aside,
        notify the host's log, run:NAME a command; whoever starts fim allows them, or not.
        """
        def add(function):
            self.add(Rule(function, selections or self.watches, on, severity, tags, once_per,
                          name, actions))
            return function
        return add

    def on_event(self, *selections, ops=None, severity="medium", tags=(), once_per=None,
                 name=None, actions=()):
        """A decorator: the same, for raw records."""
        def add(function):
            self.add(EventRule(function, selections or self.watches, ops, severity, tags,
                               once_per, name, actions))
            return function
        return add

    def add(self, rule):
        """A rule; its name is its own."""
        if any(rule.name == other.name for other in self.rules):
            raise ValueError("rule %r: there is one of this name already" % rule.name)
        self.rules.append(rule)

    def quiet(self, *selections, when=None, on=None):
        """What is journaled without an alert: changes for which when(change) is true. `on`: only
        these effects of them (none: all); with another that a rule asks about, it is told."""
        self.quiets.append(Quiet(selections or self.watches, when or always, on))

    def withhold(self, *selections, ops=None, **actor):
        """What `actor` (uid, auid, exe, cgroup) does there is not asked about: counted, and
        listed as a chosen blind spot. Of operations that move no name there is no record
        either, where the kernel can tell (fim policy says which)."""
        self.withheld.append(Withhold(selections or self.watches, ops, actor))

    def plan(self):
        """Everything there is to say of it, as plain data: what reaches the kernel (watches,
        withheld), what is asked (rules, quiets), labels."""
        return {"name": self.name, "labels": self.labels,
                "watches": [watch.plan() for watch in self.watches],
                "rules": [rule.plan() for rule in self.rules],
                "quiets": [quiet.plan() for quiet in self.quiets],
                "withheld": [item.plan() for item in self.withheld]}

    def try_on(self, records):
        """The alerts for these records, such as fim.read(file): no kernel, no root, no worker.
        An exception of a rule is the caller's."""
        judge = Judge([self])
        outcomes = [outcome for record in records for outcome in judge.judge(record)]
        return [Alert(members) for kind, members in outcomes + judge.finish() if kind == "alert"]


def always(change):
    """Whatever it is."""
    return change is not None


def package_verified(change):
    """For quiet(): the change came with a package, and the file is as the package has it. What
    has no privileges cannot tell: fim.transaction does, before the alert is written."""
    raise NotImplementedError(change)


package_verified.evidence = "package"
