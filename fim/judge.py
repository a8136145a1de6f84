"""The judge: records in; alerts, and what else there is to say, out. No system call is made."""

from fim.composer import Composer
from fim.evidence import ALGORITHM, Evidence

__all__ = ["Judge"]

EQUAL = "written with equal content (%s)" % ALGORITHM
STEPS = ("clock", "start")  # after these the time may be any
KEPT = ("op", "actor_path", "file", "replaced", "hash", "hash_state", "process")


def direct(rule, function, argument):
    """Ask a rule, without more."""
    del rule
    return function(argument)


def evidence_members(record):
    """What an alert has of the record that it is about."""
    members = record.as_dict()
    return {key: members[key] for key in KEPT if members.get(key) is not None}


def comparison_members(record):
    """The members of a finding: which comparison it is of, in whose stream `events` are, and what
    the package database said of the file there."""
    if record.kind != "finding":
        return {}
    members = {"check": record.check, "events_stream": record.stream}
    return dict(members, package=record.package.as_dict()) if record.package else members


def digest_members(content):
    """The members of what was read of a file (a `content` record, or None)."""
    return {key: content.as_dict()[key] for key in ("hash", "hash_state")
            if content.as_dict().get(key)} if content else {}


def alert_members(policy, rule, message, thing, count):
    """The members of an `alert` record about a change or a raw record; and `stream`, whose numbers
    are in `events`."""
    record = getattr(thing, "record", None) or thing
    members = {"stream": record.stream, "rule": rule.name, "policy": policy.name, "severity": rule.severity,
               "tags": rule.tags, "message": message, "path": thing.path}
    members.update(evidence_members(record))
    members.update(comparison_members(record))
    if rule.kind == "change":
        if thing.by:
            members["process"] = thing.by.as_dict()["process"]
        members.update(digest_members(thing.content))
        members.update(events=thing.events, effect=thing.effect, effects=sorted(thing.effects),
                       changed=thing.changed)
    else:
        members.update(events=[thing.seq])
    if thing.path == record.path and record.path_b64:
        members["path_b64"] = record.path_b64
    if rule.actions:
        members["actions"] = {action: "asked for" for action in rule.actions}
    if thing.old_path:
        members["old_path"] = thing.old_path
    if count:
        members["not_told"] = count
    return members


class Judge:
    """One or more policies over one stream.

    ask(rule, function, argument)  calls the operator's function; may refuse by returning None
    whole(change)                  is told of each change before anybody is asked about it
    digests                        whether `content` records may come, to be waited for
    defers                         whether who has the evidence for `unless` counts once_per
    """

    def __init__(self, policies, ask=direct, whole=None, digests=True, defers=False):
        self.defers = defers
        self.policies = policies
        self.ask = ask
        self.whole = whole or (lambda change: None)
        self.composer = Composer()
        self.evidence = Evidence(self.wants_digest if digests else None)
        self.withheld = {}  # reason: how many since last told

    def judge(self, record):
        """[(kind, members)] of what to write because of this record."""
        if record.kind == "event" and self.is_withheld(record):
            return []
        if record.kind in STEPS:
            return self.of_changes(self.all_that_waits())
        outcomes = self.of_record(record) if record.kind == "event" else []
        ready = self.evidence.see(record)
        # What is judged where no close comes stands for the close.
        followed = record.op != "modify" or not self.unwanted(record, "close")
        changes = self.composer.add(record, followed)
        return outcomes + self.of_changes(ready + self.evidence.take(changes))

    def tick(self, time_ns):
        """The same, because of the time: what waits for more has waited."""
        ready = self.evidence.take(self.composer.until(time_ns)) + self.evidence.until(time_ns)
        return self.of_changes(ready) + self.counts()

    def finish(self):
        """The same, because nothing more comes."""
        return self.of_changes(self.all_that_waits()) + self.counts() + self.untold()

    def all_that_waits(self):
        """The changes that are to be judged as they are."""
        return self.evidence.take(self.composer.finish()) + self.evidence.finish()

    def waiting(self):
        """The first record of each change that waits."""
        return self.composer.waiting() + self.evidence.waiting()

    def wants_digest(self, path):
        """Whether a policy asks what is in the file."""
        return any(watch.content and watch.takes(path)
                   for policy in self.policies for watch in policy.watches)

    def untold(self):
        """How many alerts `once_per` left out that no later one told of."""
        rules = [rule for policy in self.policies for rule in policy.rules]
        counts = [(rule.name, sum(count for _, count in rule.told.values())) for rule in rules]
        return [("withheld", {"reason": "alike alerts of rule %s (once_per)" % name,
                              "count": count}) for name, count in counts if count]

    def is_withheld(self, record):
        """Whether a policy does not want it: then it is counted."""
        reason = self.unwanted(record, record.op)
        if reason:
            self.withhold(reason)
        return bool(reason)

    def unwanted(self, record, op):
        """Why a policy does not want `op` by who did this; every policy must agree. Or None."""
        reasons = [next((item.reason for item in policy.withheld if item.covers(record, op)), None)
                   for policy in self.policies]
        return reasons[0] if reasons and None not in reasons else None

    def withhold(self, reason):
        """One more."""
        self.withheld[reason] = self.withheld.get(reason, 0) + 1

    def counts(self):
        """What was withheld since the last call."""
        told, self.withheld = self.withheld, {}
        return [("withheld", {"reason": reason, "count": count})
                for reason, count in sorted(told.items())]

    def of_record(self, record):
        """By the rules for raw records."""
        return [outcome for policy, rule in self.rules("event")
                for outcome in self.verdict(policy, rule, rule.view(record), ())]

    def of_changes(self, changes):
        """By the rules for changes."""
        for change in changes:
            self.whole(change)
            if "hash" in change.same and change.effect == "content":
                self.withhold(EQUAL)
        return [outcome for change in changes for policy, rule in self.rules("change")
                for outcome in self.verdict(policy, rule, rule.view(change), policy.quiets)]

    def rules(self, kind):
        """(policy, rule) of a kind."""
        return [(policy, rule) for policy in self.policies for rule in policy.rules
                if rule.kind == kind]

    def verdict(self, policy, rule, thing, quiets):
        """Ask one rule about one change or record."""
        if thing is None:
            return []
        answer = self.ask(rule, rule.function, thing)
        if not answer:
            return []
        unless = self.excuses(quiets, rule, thing)
        if unless is None:
            return []
        count = 0 if unless and self.defers else rule.due(thing)
        if count is None:
            return []
        message = rule.text if answer is True else str(answer)
        members = alert_members(policy, rule, message, thing, count)
        if unless and self.defers and rule.once_ns:
            members["once"] = rule.once_ns, thing.time_ns  # fim/once.py
        return [("alert", dict(members, unless=unless) if unless else members)]

    def excuses(self, quiets, rule, thing):
        """None: it is to be quiet; else the kinds of evidence that would excuse it. Every effect
        that the rule asks about has to be covered."""
        meant = [quiet for quiet in quiets if quiet.covers(thing)]
        left = rule.asked(thing) if meant else set()
        for quiet in meant:
            if not quiet.evidence and left & quiet.wanted and self.ask(
                    quiet, quiet.function, thing):
                left = left - quiet.wanted
                if not left:
                    return None
        return sorted({quiet.evidence for quiet in meant
                       if quiet.evidence and left <= quiet.wanted})
