# SPDX-License-Identifier: GPL-2.0-only
"""Rules that raise, loop, fork, exit, print, sleep and fill the memory: the worker goes on, judges
everything else, and says what it did not."""
import errno
import io
import json
import os
import re
import time

import pytest

from fim import policy_file, sandbox
from fim.errors import PolicyError
from fim.worker import Worker
from made import Made
from streams import ATTACKS, DAY, content_of, lines_of
from misdeeds import MISDEEDS  # streams has made it known

PATIENCE = 8.0
HEAD = """
import os, socket, time
from fim.policy import Policy
policy = Policy("contained")
etc = policy.watch("/etc")
@policy.rule(etc, on={"new", "content"})
def every(change):
    "Any."
    return True
@policy.rule(etc / "hosts", on={"content"})
def bad(change):
    "Does what it must not."
"""
AS_ROOT = {"writes a file", "signals its parent", "forks"}


def written(directory, source):
    path = directory / "policy.py"
    path.write_text(source)
    path.chmod(0o600)
    return policy_file.read([str(path)])


def judged(files, lines=None):
    """(alerts, errors) of the recorded attacks."""
    worker = Worker(files, PATIENCE, live=False)
    try:
        outcomes = worker.judge(lines or lines_of(ATTACKS)) + worker.finish()
    finally:
        worker.close()
    return ([members for kind, members in outcomes if kind == "alert"],
            [members for kind, members in outcomes if kind == "error"])


def key(alert):
    return alert["rule"], alert["path"], alert["effect"], tuple(alert["events"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a rule that does well says."""
    files = written(tmp_path_factory.mktemp("well"), HEAD + "    return None\n")
    alerts, errors = judged(files)
    assert not errors and len(alerts) > 10
    return sorted(map(key, alerts))


@pytest.mark.parametrize("misdeed", sorted(MISDEEDS))
def test_contained(tmp_path, misdeed, expected):
    body, said = MISDEEDS[misdeed]
    if misdeed in AS_ROOT and os.geteuid() != 0:
        pytest.skip("not root: it has nothing to give up")
    alerts, errors = judged(written(tmp_path, HEAD + body + "\n"))
    assert sorted(map(key, alerts)) == expected
    assert errors and all("bad" in error["where"] for error in errors), errors
    assert any(said in error["message"] for error in errors), errors


def test_what_was_not_judged_is_named(tmp_path):
    _, errors = judged(written(tmp_path, HEAD + "    os._exit(7)\n"))
    assert re.search(r"records \d+ to \d+ are judged again", errors[0]["message"])


def test_suspended_after_some_times(tmp_path):
    source = HEAD.replace(' / "hosts", on={"content"}', ', on={"content", "new"}')
    alerts, errors = judged(written(tmp_path, source + "    os._exit(7)\n"))
    assert [error["message"] for error in errors if "suspended" in error["message"]]
    assert len(errors) == 7 and len(alerts) > 10  # each question twice: who killed it?


def test_no_privileges(tmp_path):
    """Asked of the process itself."""
    if os.geteuid() != 0:
        pytest.skip("not root: it has nothing to give up")
    body = ('    status = open("/proc/self/status").read()\n'
            '    net = open("/proc/net/dev").read().count(":")\n'
            '    return "%s %d %d %s" % (os.getuid() == os.geteuid() != 0, len(os.getgroups()), net,'
            ' [line for line in status.splitlines() if line.startswith("Cap")])\n')
    alerts, errors = judged(written(tmp_path, HEAD + body))
    assert not errors
    said = next(alert["message"] for alert in alerts if alert["rule"] == "bad")
    assert said.startswith("True 0 1 ")
    caps = dict(re.findall(r"(Cap\w+):\\t(\w+)", said))
    assert all(int(caps[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapInh"))


class Libc:
    """The C library of a kernel, or a container, that refuses network namespaces."""

    def __init__(self, name, use_errno=False):
        del name
        assert use_errno

    def unshare(self, flags):
        assert flags == sandbox.CLONE_NEWNET
        sandbox.ctypes.set_errno(errno.EPERM)
        return -1


def test_a_network_that_is_not_left_is_said(monkeypatch):
    """With the first batch, once; the policy is in force."""
    monkeypatch.setattr(sandbox.ctypes, "CDLL", Libc)
    output = io.BytesIO()
    box = sandbox.Box(output)
    box.wrong = sandbox.leave_network()
    assert box.begin({"policies": [], "skips": [], "suspended": [], "digests": False})
    for mark in ({"batch": 1}, {"end": 0, "last": False}, {"batch": 2}, {"end": 0, "last": False}):
        box.take(json.dumps(mark).encode("ascii"))
    said = [json.loads(line.decode("ascii")) for line in output.getvalue().splitlines()]
    assert [sorted(line)[0] for line in said] == ["plan", "say", "done", "done"]
    kind, members = said[1]["say"]
    assert (kind, members["where"]) == ("error", "policy")
    assert "network" in members["message"] and "not permitted" in members["message"]


class Silent:
    """A process that is told what it says."""

    def __init__(self, *unused, digests=False):
        del unused, digests

    def load(self):
        return []

    def kill(self):
        return 0


def test_what_was_said_is_kept_while_it_may_be_said_again(monkeypatch):
    """Something waits at every moment, and what waits is never long ago."""
    monkeypatch.setattr("fim.worker.Child", Silent)
    worker = Worker([])
    for number in range(1, 1001):
        worker.add(b'{"seq": %d}\n' % number)
        worker.hear_asking(["rule", number], {})
        worker.hear_say(["alert", {"events": [number]}], {})
        worker.hear_done(number, {"held": max(1, number - 2)})
    assert len(worker.outcomes) == 1001 and len(worker.told) == len(worker.batches) == 3
    worker.adopt(Silent())
    for number in range(998, 1001):
        worker.hear_asking(["rule", number], {})
        worker.hear_say(["alert", {"events": [number]}], {})
        worker.hear_done(number, {"held": None})
    assert len(worker.outcomes) == 1001 and not worker.told and not worker.batches


def saying(worker, number, outcomes):
    """A batch is judged; what is written because of it."""
    for outcome in outcomes:
        worker.hear_say(json.loads(json.dumps(outcome)), {})
    worker.hear_done(number, {"held": 1})
    said, worker.outcomes = worker.outcomes, []
    return [(kind, members.get("severity", members.get("count"))) for kind, members in said
            if kind != "policy"]


def test_equal_counts_add_up(monkeypatch):
    """Of each batch; but one that is judged again counts nothing twice."""
    monkeypatch.setattr("fim.worker.Child", Silent)
    worker = Worker([])
    counted = ["withheld", {"reason": "x", "count": 2}]
    for again in (False, True):
        for number in (1, 2, 3):
            if not again:
                worker.add(b'{"seq": %d}\n' % number)
            assert saying(worker, number, [counted]) == ([] if again else [("withheld", 2)])
        worker.adopt(Silent())


def test_an_alert_in_other_words_is_the_same(monkeypatch):
    """Judged again by a policy that was loaded meanwhile; numbers are of their stream."""
    monkeypatch.setattr("fim.worker.Child", Silent)
    worker = Worker([])
    worker.add(b'{"seq": 7}\n')
    alert = {"policy": "p", "rule": "r", "stream": "a", "path": "/x", "events": [7],
             "severity": "low", "message": "x"}
    assert saying(worker, 1, [["alert", alert]]) == [("alert", "low")]
    worker.adopt(Silent())
    loud = dict(alert, severity="high", message="y", tags=["z"])
    others = [dict(loud, **{key: value}) for key, value in (
        ("stream", "b"), ("path", "/y"), ("rule", "q"), ("policy", "q"), ("events", [8]))]
    told = saying(worker, 1, [["alert", members] for members in [loud] + others])
    assert told == [("alert", "high")] * 5


def test_what_it_did_not_survive_is_of_one_stream(tmp_path):
    """The record of the same number in the next is asked about."""
    body = ("    if change.record.stream == 'a' * 32:\n        os._exit(7)\n"
            "    return change.path == '/etc/hosts'\n")
    lines = []
    for stream in "ab":
        made = Made()
        closed = made.event("close", "/etc/hosts", made.process("bin/x"))
        lines.append(json.dumps(dict(closed, stream=stream * 32)).encode("ascii") + b"\n")
    alerts, errors = judged(written(tmp_path, HEAD + body), b"".join(lines))
    assert [alert["rule"] for alert in alerts] == ["every", "every", "bad"] and len(errors) == 2
    assert not any("stream" in alert for alert in alerts)


REFUSED = {
    "no python": ("policy = = 1\n", ":1:"),
    "no policy": ("x = 1\n", "no `policy`"),
    "raises": ("\n\nraise KeyError('x')\n", ":3: KeyError"),
    "unknown effect": ("from fim.policy import Policy\npolicy = Policy('x')\nw = policy.watch('/')\n"
                       "@policy.rule(w, on={'contents'})\ndef r(change):\n    pass\n", ":4:"),
    "unknown severity": ("from fim.policy import Policy\npolicy = Policy('x')\n"
                         "@policy.rule(severity='hi')\ndef r(change):\n    pass\n", "severity"),
    "loops": ("while True:\n    pass\n", "too long"),
    "exits": ("import os\nos._exit(0)\n", "ended"),
    "two of a name": ("from fim.policy import Policy\npolicy = Policy('x')\n" +
                      "@policy.rule()\ndef r(change):\n    pass\n" * 2, "rule 'r'"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused_with_file_and_line(tmp_path, case):
    source, said = REFUSED[case]
    with pytest.raises(PolicyError) as refused:
        Worker(written(tmp_path, source))
    assert said in str(refused.value) and "fim: " in str(refused.value)


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "policy.py"
    path.write_text(HEAD + "    pass\n")
    path.chmod(0o620)
    with pytest.raises(PolicyError, match="others can write"):
        policy_file.read([str(path)])
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(PolicyError, match="others can write"):
        policy_file.read([str(path)])
    tmp_path.chmod(0o700)
    policy_file.read([str(tmp_path)])
    if os.geteuid() == 0:
        os.chown(str(path), 65534, 65534)
        with pytest.raises(PolicyError, match="owner"):
            policy_file.read([str(path)])


def test_loaded_again(tmp_path):
    """The new one judges from then on; a bad one is refused and the old one stays."""
    worker = Worker(written(tmp_path, HEAD + "    return None\n"), PATIENCE)
    try:
        before = wait_for(worker, "policy")["digest"]
        worker.reload(written(tmp_path, "policy = = 1\n"))
        said = wait_for(worker, "policy")
        assert said["state"] == "refused" and said["digest"] == before == worker.digest()
        worker.reload(written(tmp_path, HEAD.replace('"Any."', '"All."') + "    return None\n"))
        said = wait_for(worker, "policy")
        assert said["state"] == "loaded" and said["digest"] != before
        outcomes = worker.judge(lines_of(ATTACKS)) + worker.finish()
        assert {members["message"] for kind, members in outcomes if kind == "alert"} == {"All."}
    finally:
        worker.close()


def wait_for(worker, kind):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for got, members in worker.turn():
            if got == kind:
                return members
        time.sleep(0.01)
    raise AssertionError("no %s" % kind)


def test_loaded_again_under_load(tmp_path, expected):
    """A hundred times, between the records: no change is missed and none is told twice."""
    lines = lines_of(ATTACKS).splitlines(True)
    sources = [HEAD + "    return None\n" + "# %d\n" % n for n in range(100)]
    worker = Worker(written(tmp_path, sources[0]), PATIENCE, live=False)
    outcomes, loaded = [], 0
    try:
        for number, source in enumerate(sources):
            outcomes += worker.turn(b"".join(lines[number * len(lines) // 100:
                                                   (number + 1) * len(lines) // 100]))
            worker.reload(written(tmp_path, source))
            while worker.successor:
                outcomes += worker.turn()
                time.sleep(0.002)
        outcomes += worker.finish()
    finally:
        worker.close()
    loaded = [members for kind, members in outcomes if kind == "policy"]
    assert [members["state"] for members in loaded] == ["loaded"] * 101
    assert sorted(key(members) for kind, members in outcomes if kind == "alert") == expected
    assert not [members for kind, members in outcomes if kind == "error"]


def with_digests(lines):
    """Each close is read, five records later."""
    found, late = [], {}
    for number, line in enumerate(lines):
        found += [line] + late.pop(number, [])
        event = json.loads(line.decode())
        if event.get("op") == "close":
            record = content_of(event, "a" * 64, "%064x" % number)
            late[number + 5] = [json.dumps(record).encode() + b"\n"]
    return found


@pytest.mark.parametrize("digests", [False, True])
def test_loaded_again_in_the_middle_of_a_change(tmp_path, digests):
    """After every fourth record: what is judged again is seen whole or not at all. useradd makes
    a dozen files within a second."""
    lines = lines_of(DAY).splitlines(True)[:100]
    source = HEAD + "    return None\n"
    if digests:
        lines, source = with_digests(lines), source.replace('"/etc"', '"/etc", content="sha256"')
    worker = Worker(written(tmp_path, source), PATIENCE, live=False, digests=digests)
    try:
        plain = worker.judge(b"".join(lines)) + worker.finish()
    finally:
        worker.close()
    worker = Worker(written(tmp_path, source), PATIENCE, live=False, digests=digests)
    outcomes = []
    try:
        for at in range(0, len(lines), 4):
            outcomes += worker.judge(b"".join(lines[at:at + 4]))
            worker.reload(worker.files)
            while worker.successor:
                outcomes += worker.turn()
                time.sleep(0.002)
        outcomes += worker.finish()
    finally:
        worker.close()
    told = [sorted(key(members) for kind, members in said if kind == "alert")
            for said in (plain, outcomes)]
    assert len(told[0]) >= 8 and told[1] == told[0]
    hashed = [members for kind, members in outcomes if kind == "alert" and "hash" in members]
    assert bool(hashed) is digests


def test_too_slow_is_said(tmp_path, monkeypatch):
    """What cannot be kept is not judged, and named."""
    monkeypatch.setattr("fim.batches.KEPT_BYTES", 10000)
    monkeypatch.setattr("fim.batches.BATCH_BYTES", 2000)
    worker = Worker(written(tmp_path, HEAD + "    time.sleep(1)\n"), PATIENCE)
    try:
        outcomes = worker.turn(lines_of(ATTACKS))
        assert [members["message"] for kind, members in outcomes if kind == "error"
                and re.search(r"records \d+ to \d+ were not judged", members["message"])]
    finally:
        worker.close()
