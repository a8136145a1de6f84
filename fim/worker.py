"""The worker: policies at work in a process of their own (fim/sandbox.py), from outside.

A policy that overruns, dies or fills its memory costs its process; what it had not judged
is judged again by the next one, without the question that it did not survive.
"""

import collections
import hashlib
import json
import time

from fim.batches import Batches, named
from fim.child import Child
from fim.errors import PolicyError

__all__ = ["Worker"]

PATIENCE = 20.0        # seconds without a word while something is to be judged
STRIKES = 3            # of a rule that its process did not survive: then it is suspended
LONGEST_PAUSE = 60.0
HOPELESS = 8.0
TICK, IDLE_TICK = 0.25, 10.0  # seconds
END_SECONDS = 30


def same_as(outcome, asking, batch):
    """By what it is known that something was said before. An alert: by what it is of, however it
    is worded; a count: by where it was made, as there may be more that are equal."""
    kind, members = outcome
    if kind == "alert":
        names = "policy", "rule", "stream", "path", "events"
        return json.dumps([kind] + [members.get(name) for name in names])
    return json.dumps([batch if kind == "withheld" else asking, outcome], sort_keys=True)


class Worker:
    """Judges the lines of one stream, and what another found on the same files.

    turn(lines)  hands lines over and returns [(kind, members)] of the records to write because
                 of these or earlier ones; never waits. `of`: by whom they are numbered, if not
                 by the stream
    finish()     waits for everything that was handed over
    plans        what the policies declare (fim.policy.Policy.plan), a list
    """

    def __init__(self, files, patience=PATIENCE, live=True, fit=lambda plans: None,
                 digests=False):
        """Load the policies: PolicyError, when they are refused. `live`: the time of records is
        now; that of a journal passes with its records. `fit` raises PolicyError, when what
        other policies declare cannot be in force here. `digests`: `content` records may come."""
        self.files = files
        self.fit = fit
        self.digests = digests
        self.patience = patience
        self.batches = Batches(live)
        self.told = {}                      # what was said, by the batch: it may be judged again
        self.outcomes = [("policy", {"digest": self.digest(), "state": "loaded"})]
        self.skips, self.suspended = [], []
        self.doubts = set()                 # questions at which a process ended once
        self.strikes = collections.Counter()
        self.asking = None
        self.successor = None               # (child, files) while it loads
        self.retry_at, self.pause = None, 1.0
        self.heard = self.ticked = time.monotonic()
        self.child = Child(files, digests=digests)
        try:
            self.plans = self.child.load()
        except BaseException:
            self.child.kill()
            raise

    def digest(self):
        """Of the policies in force."""
        digest = hashlib.sha256()
        for path, source in self.files:
            digest.update(("%s\0%s\0" % (path, source)).encode("utf-8"))
        return digest.hexdigest()

    # --- what is to be judged ---

    def add(self, lines=b"", of="", last=False):
        """Whole lines; none: time passes."""
        if not self.outstanding():
            self.heard = time.monotonic()  # it has had nothing to say until now
        self.batches.add(lines, of, last)
        self.ticked = time.monotonic()

    def shed(self):
        """What is more than can be kept is not judged, and that is said."""
        gone = named(self.batches.shed())
        if gone:
            self.error("%s were not judged: rules are slower than changes come: fim replay judges "
                       "them" % gone)

    def error(self, message, where="policy"):
        """An error record."""
        self.outcomes.append(("error", {"where": where, "message": message}))

    def outstanding(self):
        """The batches that are not judged."""
        return self.batches.outstanding()

    # --- a turn ---

    def turn(self, lines=b"", of=""):
        """Hand lines over, take what is ready."""
        if lines:
            self.add(lines, of)
        else:
            self.tick()
        self.shed()
        self.revive()
        if self.child:
            self.exchange()
        self.succeed()
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def tick(self):
        """Time passes also when nothing happens, faster while something waits for it."""
        pause = TICK if self.batches else IDLE_TICK
        if self.child and not self.outstanding() and time.monotonic() - self.ticked > pause:
            self.add()

    def exchange(self):
        """Give the child what it takes, hear what it says."""
        if not self.outstanding():
            self.heard = time.monotonic()
        while self.batches.unsent() and self.child.push():
            self.child.outgoing = self.batches.send()
        self.child.push()
        try:
            self.listen()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.fail("said nonsense (%s)" % error)
            return
        if self.child.ended:
            self.fail("ended")
        elif self.outstanding() and self.overran():
            self.fail("took longer than %g s" % self.patience)

    def overran(self):
        """Silent for too long, and not for want of a processor."""
        if time.monotonic() - self.heard <= self.patience:
            return False
        if not self.child.starves():
            return True
        self.heard = time.monotonic()
        return False

    def listen(self):
        """Take what the child said."""
        for answer in self.child.answers():
            self.heard = time.monotonic()
            for key, value in answer.items():
                hear = self.HEARD.get(key)
                if hear:
                    hear(self, value, answer)

    def hear_asking(self, asking, answer):
        """What it is doing now."""
        del answer
        self.asking = asking

    def hear_say(self, outcome, answer):
        """Something to write, unless it was written before the last one died."""
        del answer
        batch = self.batches.done + 1
        key = same_as(outcome, self.asking, batch)
        outcome[1].pop("stream", None)  # it is written to another
        if key not in self.told:
            self.told[key] = batch
            self.outcomes.append(tuple(outcome))

    def hear_done(self, number, answer):
        """A batch is judged; it is kept while something in it waits for more."""
        self.asking, self.pause = None, 1.0
        first = self.batches.judged(number, answer["held"])
        self.told = {key: batch for key, batch in self.told.items() if batch >= first}

    HEARD = {"asking": hear_asking, "say": hear_say, "done": hear_done}

    # --- when it fails ---

    def fail(self, how):
        """Kill it, say so, and note what it did not survive."""
        status = self.child.kill()
        self.child = None
        self.retry_at = time.monotonic()
        if self.asking is None:
            self.retry_at += self.pause
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
        elif how != "ended" or not self.doubt(tuple(self.asking)):
            self.blame(self.asking)
        if how == "ended":
            how = "ended with %s" % ("signal %d" % -status if status < 0 else "status %d" % status)
        where = "rule %s" % self.asking[0] if self.asking else "policy"
        self.error("the process of the policies %s%s: killed%s" % (
            how, " at record %s" % self.asking[1] if self.asking else "", self.unjudged()), where)
        self.asking = None

    def doubt(self, question):
        """Whether it is the first time that it ended there: somebody else may have killed it."""
        first = question not in self.doubts
        self.doubts.add(question)
        return first

    def unjudged(self):
        """In words."""
        records = named(self.outstanding())
        return "; %s are judged again" % records if records else ""

    def blame(self, question):
        """It is not asked that again; after so many times, nothing."""
        rule = question[0]
        self.skips.append(question)
        self.strikes[rule] += 1
        if self.strikes[rule] == STRIKES:
            self.suspended.append(rule)
            self.error("its process did not survive it %d times: suspended until the policy is "
                       "loaded again" % STRIKES, "rule %s" % rule)

    def revive(self):
        """Another one, if there is none and it is time."""
        if self.child is None and time.monotonic() >= self.retry_at:
            self.adopt(Child(self.files, self.skips, self.suspended, self.digests))

    def adopt(self, child):
        """What was not judged, or waits, goes to this one."""
        self.child = child
        self.batches.again()
        self.heard = time.monotonic()

    # --- other policies ---

    def reload(self, files):
        """Begin to load other policies; those in force stay until they are loaded."""
        if self.successor:
            self.successor[0].kill()
        self.successor = (Child(files, digests=self.digests), files)

    def succeed(self):
        """A step of that, without waiting."""
        if not self.successor:
            return
        child, files = self.successor
        try:
            plans = child.loaded()
            if plans is None:
                return
            self.fit(plans)
        except (PolicyError, ValueError) as error:
            self.refuse(child, str(error))
            return
        self.replace(child, files, plans)

    def refuse(self, child, why):
        """The old ones stay."""
        child.kill()
        self.successor = None
        self.error("refused, the one before stays: " + why.replace("fim: ", "", 1))
        self.outcomes.append(("policy", {"digest": self.digest(), "state": "refused"}))

    def replace(self, child, files, plans):
        """The new ones are in force."""
        self.plans = plans
        if self.child:
            self.child.kill()
        self.successor, self.files = None, files
        self.skips, self.suspended = [], []
        self.strikes.clear()
        self.asking = None
        self.adopt(child)
        self.outcomes.append(("policy", {"digest": self.digest(), "state": "loaded"}))

    # --- the end ---

    def judge(self, lines, seconds=None):
        """The same as turn(), waited for until everything is judged, but no longer than that,
        nor when its process dies again and again."""
        outcomes = self.turn(lines)
        end = time.monotonic() + (seconds or float("inf"))
        while self.outstanding() and time.monotonic() < end and self.pause < HOPELESS:
            if self.child:
                self.child.wait(0.05)
            else:
                time.sleep(0.05)
            outcomes += self.turn()
        return outcomes

    def finish(self, seconds=END_SECONDS):
        """Nothing more comes: what is left to write."""
        self.add(last=True)
        outcomes = self.judge(b"", seconds)
        if self.outstanding():
            self.error("the end came first" + self.unjudged().replace("are", "were not"))
            outcomes += self.outcomes
        return outcomes

    def close(self):
        """End it."""
        for child in [self.child] + [self.successor[0] if self.successor else None]:
            if child:
                child.kill()
        self.child = self.successor = None
