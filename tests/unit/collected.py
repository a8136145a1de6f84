"""Sessions, surveys and what they give, made and dropped with the collector at every allocation.

Run by itself, by any CPython from 3.6 on: it needs nothing but the package. Says "well", or
which act leaves something behind.
"""

import gc
import os
import resource
import sys
import tempfile

from fim import _core, facts
from fim.records import Record

TIMES = 60
SETTLED = 10  # rounds after which nothing may grow any more
SLACK_KIB = 1024
RECORD = {"kind": "event", "op": "create", "time": "2026-11-23T05:01:04.766000000Z",
          "process": {"pid": 1}}


def new_session():
    return _core.Session("stream", "boot", "{}", "{}", b"s" * 16)


def use_session(path):
    """One that speaks, is asked, and complains."""
    session = new_session()
    session.exclude(b"*.swp")
    session.emit("error", '"where":"x","message":"y"', "y")
    session.earlier(session.observed(0)[1]), session.told(path), session.forget_earlier()
    session.counts(), session.contents(), session.count_names(path, 100)
    for wrong in (lambda: session.exclude("text"), lambda: _core.Session("a")):
        try:
            wrong()
        except (TypeError, ValueError):
            pass


class Holder:
    """As fim.Monitor holds one."""


def ring_of_holders(path):
    """What only the collector can free, with a session and a survey that is half read."""
    one, other = Holder(), Holder()
    one.other, other.other = other, [one]
    one.session, other.rows = new_session(), iter(_core.Survey((path,), "sha256", 1).next, None)
    del one, other
    assert gc.collect() >= 2


def whole_survey(path):
    """To its end, each pair unpacked."""
    survey = _core.Survey((path,), "sha256", 2)
    rows = iter(lambda: survey.next(1000), None)
    for pairs in rows:
        _core.row_text(pairs)
        for _, packed in pairs:
            facts.unpack(packed)
    survey.notices()
    survey.close()


def dropped_survey(path):
    """Let go while its threads read."""
    survey = _core.Survey((path, b"/usr/share"), "sha256", 2)
    survey.next(1)


def single_names(path):
    """Examined, also one that is not there; an algorithm that is none."""
    _core.examine(path + b"/f1", "sha256")
    _core.digest_prefix(path + b"/f1", 2, "sha256")
    for arguments in ((b"/nosuch", "sha256"), (path, "nosuch"), (b"a\0b", "sha256")):
        try:
            _core.examine(*arguments)
        except (FileNotFoundError, ValueError):
            pass


def records(path):
    """Bytes that are no record, and records as objects."""
    for raw in (b"", b"\0" * 512, os.urandom(512)):
        try:
            _core.decode(raw)
        except ValueError:
            pass
    record = Record(RECORD)
    assert [record.time_ns, record.process.pid, record.as_dict()]


ACTS = (use_session, ring_of_holders, whole_survey, dropped_survey, single_names, records)
TYPES = (_core.Session, _core.Survey)


def held():
    """What would grow: objects that are followed, references to our types, descriptors."""
    gc.collect()
    return (len(gc.get_objects()), [sys.getrefcount(kind) for kind in TYPES],
            len(os.listdir("/proc/self/fd")))


def check(act, path):
    """It leaves nothing behind once it has settled."""
    gc.set_threshold(1)
    for _ in range(SETTLED):
        act(path)
    before, memory = held(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(TIMES):
        act(path)
    gc.set_threshold(700)
    after = held()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert after[0] - before[0] < TIMES // 2, "%s: %s objects more" % (act.__name__, after[0] - before[0])
    assert after[1:] == before[1:], "%s: %s after %s" % (act.__name__, after[1:], before[1:])
    assert grown < SLACK_KIB, "%s: %d KiB more" % (act.__name__, grown)
    assert not gc.garbage


def main():
    with tempfile.TemporaryDirectory() as directory:
        for number in range(5):
            with open("%s/f%d" % (directory, number), "w") as file:
                file.write("x" * number)
        for act in ACTS:
            check(act, os.fsencode(directory))
    print("well")


if __name__ == "__main__":
    main()
