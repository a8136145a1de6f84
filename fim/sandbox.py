"""The process that policies run in: no privileges, no network, no children, bounded memory and
time. It reads records from its standard input and writes what the rules said.

Lines in: {"policies": [[path, source]], "skips": [[rule, seq, stream]], "suspended": [rule],
"digests": bool}; then records, in batches between {"batch": number} and {"end": nanoseconds,
"last": bool}.
Lines out: {"plan": [...]} or {"refused": [path, line, why]}; then {"asking": [rule, seq, stream]},
{"say": [kind, members]}, {"done": number, "held": the first batch that something waits in}.
"""

import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import pwd
import resource
import signal
import sys

from fim.judge import Judge
from fim.policy import Policy
from fim.presets import PRESETS
from fim.records import Record

__all__ = ["main"]

RULE_SECONDS = 1.0         # of processor time, for one question
MEMORY_BYTES = 256 << 20   # beyond what the process has before a policy is loaded
OPEN_FILES = 64
PRINTED = 200              # characters of what a rule prints that are told
# A user that nobody is, so that there is nobody to signal or to trace.
NOBODY = 0x66696d
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


class Overrun(BaseException):
    """A rule took too long; no rule's `except Exception` may take it."""


def overrun(number, frame):
    """The handler of the timer."""
    raise Overrun()


def leave_network():
    """A network of its own, with nothing in it; why it has none, in words, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) == 0:
        return None
    return ("its process is not cut off from the network: no network namespace: %s"
            % os.strerror(ctypes.get_errno()))


def give_up_root():
    """Another user, without a network; what is not as it should be, in words, or None."""
    if os.geteuid() != 0:
        return None
    wrong = leave_network()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return wrong


def bound():
    """Limits that the policy cannot raise again."""
    with open("/proc/self/statm") as file:
        there = int(file.read().split()[0]) * resource.getpagesize()
    for name, limit in (("AS", there + MEMORY_BYTES), ("NPROC", 0), ("NOFILE", OPEN_FILES),
                        ("FSIZE", 0), ("CORE", 0), ("MEMLOCK", 0)):
        number = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(number)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(number, (limit, limit))


def confine():
    """What main() does before anything of the policy's; what of it could not be done, or None."""
    # What is loaded late is loaded now: this Python may be in a home directory.
    for name in PRESETS:
        importlib.import_module("fim.presets." + name)
    pwd.getpwuid(0)
    Record({"time": "1970-01-01T00:00:00.0Z"}).time_ns
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:  # the monitor's
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    wrong = give_up_root()
    bound()
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # forgotten by a change of the user
    signal.signal(signal.SIGPROF, overrun)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    return wrong


def place_of(error, path):
    """(line, why) of an exception that a policy file raised, by its innermost own line."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno, error.msg
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    why = "it took too long" if isinstance(error, Overrun) else (
        "%s: %s" % (type(error).__name__, error)).rstrip(": ")
    return lines[-1] if lines else None, why


@contextlib.contextmanager
def limited():
    """No more than the time of one question."""
    signal.setitimer(signal.ITIMER_PROF, RULE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def load(path, source):
    """The policy that a file defines."""
    names = {"__name__": "fim_policy", "__file__": path}
    with limited():
        exec(compile(source, path, "exec"), names)  # noqa: this is what it is for
    policy = names.get("policy")
    if not isinstance(policy, Policy):
        raise TypeError("it defines no `policy`, a fim.policy.Policy")
    return policy


def number_of(thing):
    """(number, stream) of a raw record, or of the last of a change; a comparison has numbers of
    its own."""
    record = thing if isinstance(thing, Record) else thing.record
    number = "%s of check %s" % (record.seq, record.check) if record.check else record.seq
    return number, record.stream


class Printed(io.TextIOBase):
    """What rules print, the beginning of it."""

    def __init__(self):
        super().__init__()
        self.text = ""

    def write(self, text):
        """As a file."""
        self.text = (self.text + str(text))[:PRINTED]
        return len(text)

    def take(self):
        """What was printed since the last call."""
        text, self.text = self.text, ""
        return text


class Box:
    """Policies at work."""

    def __init__(self, output):
        self.output = output
        self.wrong = None  # with the confinement: said with the first batch
        self.printed = Printed()
        self.judge = None
        self.skips = set()
        self.suspended = set()
        self.batch = 0
        self.spans = []  # (first, last batch) of changes that are whole, of those still kept

    def tell(self, **members):
        """One line out."""
        self.output.write(json.dumps(members).encode("ascii") + b"\n")

    def begin(self, head):
        """Load the policies: whether they are well."""
        self.skips = {tuple(skip) for skip in head["skips"]}
        self.suspended = set(head["suspended"])
        policies = []
        for path, source in head["policies"]:
            try:
                policies.append(load(path, source))
            except BaseException as error:  # SystemExit, too
                self.tell(refused=(path,) + place_of(error, path))
                return False
        self.judge = Judge(policies, self.ask, self.note, head["digests"], defers=True)
        self.tell(plan=[policy.plan() for policy in policies])
        self.output.flush()
        return True

    def ask(self, rule, function, argument):
        """Call one function of the operator's; None when it fails, which is said."""
        question = (rule.name,) + number_of(argument)
        if rule.name in self.suspended or question in self.skips:
            return None
        self.tell(asking=question)
        self.output.flush()  # who asks knows where it was, should this process die
        try:
            with limited():
                return function(argument)
        except BaseException as error:
            line, why = place_of(error, rule.file)
            del error
            gc.collect()
            self.complain(rule, line, why)
        finally:
            text = self.printed.take()
            if text:
                self.complain(rule, None, "printed: %s" % text)
        return None

    def complain(self, rule, line, why):
        """An error record about a rule."""
        where = "rule %s%s" % (rule.name, " (%s:%d)" % (rule.file, line) if line else "")
        self.tell(say=("error", {"where": where, "message": why}))

    def take(self, line):
        """A line in: a record, or a mark around a batch of them."""
        members = json.loads(line.decode("utf-8"))
        if "batch" in members:
            self.batch = members["batch"]
            self.admit()
        elif "end" in members:
            self.end(members)
        else:
            record = Record(members)
            record.batch = self.batch
            self.say(self.judge.judge(record))

    def admit(self):
        """What is not as it should be around the rules, once."""
        wrong, self.wrong = self.wrong, None
        if wrong:
            self.tell(say=("error", {"where": "policy", "message": wrong}))

    def note(self, change):
        """A change is whole; its records may have come with several batches."""
        span = change.records[0].batch, change.records[-1].batch
        if span[0] != span[1]:
            self.spans.append(span)

    def held(self):
        """The first batch to keep, so that who judges from there on sees changes whole or not
        at all; None: nothing waits."""
        waiting = [record.batch for record in self.judge.waiting()]
        first, cut = None, min(waiting) if waiting else None
        while waiting and first != cut:
            first = cut
            cut = min([cut] + [begin for begin, end in self.spans if end >= cut])
        self.spans = [span for span in self.spans if cut is not None and span[1] >= cut]
        return cut

    def end(self, mark):
        """The end of a batch; of the last, of everything."""
        self.say(self.judge.finish() if mark["last"] else self.judge.tick(mark["end"]))
        self.tell(done=self.batch, held=self.held())
        self.output.flush()

    def say(self, outcomes):
        """Records to write."""
        for outcome in outcomes:
            self.tell(say=outcome)


def own_descriptors():
    """The two pipes by numbers of their own; 0, 1 and 2 lead nowhere."""
    lines, output = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return lines, output


def main():
    """Until the input ends."""
    lines, output = own_descriptors()
    head = json.loads(lines.readline().decode("utf-8"))
    box = Box(output)
    sys.stdout = sys.stderr = box.printed
    box.wrong = confine()
    try:
        if box.begin(head):
            for line in lines:
                box.take(line)
    except Exception as error:
        box.tell(say=("error", {"where": "policy", "message": "%s: %s"
                                % (type(error).__name__, error)}))
        raise
    finally:
        output.flush()
