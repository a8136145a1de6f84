# SPDX-License-Identifier: GPL-2.0-only
"""fim run where nothing can be attached: it says so, keeps its journal, and tries again. And
the parts of it that need no kernel."""
import contextlib
import fcntl
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import jsonschema
import pytest

import journals
from core_build import ROOT
from fim import cli_run, host, status
from fim.cli import main
from fim.comparison import Comparison
from fim.journal import Journal
from fim.seal import first_key
from fim.segments import Segments
from fim.service import Service
from fim.spool import Spool

KPROBES = "/sys/bus/event_source/devices/kprobe/type"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
PATIENCE = 30.0


def eventually(question):
    """Its answer once it is true."""
    end = time.monotonic() + PATIENCE
    answer = question()
    while not answer:
        assert time.monotonic() < end, "not within %d s" % PATIENCE
        time.sleep(0.02)
        answer = question()
    return answer


class Run:
    """A `fim run` that sees nothing."""

    def __init__(self, base, *options, environment=None, within=()):
        self.base = str(base)
        self.state = self.base + "/state"
        self.options = options
        self.environment = environment or {}
        self.within = list(within)  # the start of its command line
        self.process = None

    def __enter__(self):
        before = []
        if os.geteuid() == 0 and os.path.exists(KPROBES):
            before = NOBODY  # who may not load programs
            shutil.chown(self.base, 65534, 65534)
        command = [sys.executable, "-m", "fim", "run", self.base, "--state", self.state,
                   "--heartbeat", "0.2", "--retry", "0.5"] + list(self.options)
        self.process = subprocess.Popen(self.within + before + command, cwd=ROOT, stderr=subprocess.PIPE,
                                        env=dict(os.environ, **self.environment))
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    def records(self):
        """Every line of the journal."""
        return [json.loads(line.decode()) for line in journals.lines_of(self.state + "/journal")
                if line.endswith(b"\n")]

    def has(self, kind, times=1):
        with contextlib.suppress(FileNotFoundError, ValueError):
            return sum(record["kind"] == kind for record in self.records()) >= times


def fim(*arguments):
    done = subprocess.run([sys.executable, "-m", "fim"] + list(arguments), cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_blind_and_not_gone(tmp_path):
    with Run(tmp_path) as run:
        eventually(lambda: run.has("heartbeat", 5))
        assert eventually(lambda: fim("status", "--state", run.state)[0]) == status.BLIND
        assert fim("run", "/etc", "--state", run.state)[0] == 1  # there is one
        run.stop()
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    records = run.records()
    for record in records:
        validator.validate(record)
    told = [record for record in records if record["kind"] not in ("chain", "segment")]
    assert [record["kind"] for record in told if record["kind"] != "heartbeat"] == [
        "start", "blind", "stop"]
    assert [record["seq"] for record in told] == list(range(1, len(told) + 1))
    blind = told[1]
    assert blind["until"] is None and blind["reason"] and blind["mend"] in blind["reason"]
    assert fim("verify", "--state", run.state)[0] == 0
    assert fim("status", "--state", run.state)[0] == status.NOT_RUNNING


def test_heartbeats_are_anchors(tmp_path):
    with Run(tmp_path) as run:
        eventually(lambda: run.has("heartbeat", 8))  # a busy machine has several in a batch
        run.stop()
    path = str(tmp_path / "collected")
    beats = [record for record in run.records() if record["kind"] == "heartbeat"]
    with open(path, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in beats)
    verify = ("verify", "--state", run.state, "--anchors", path)
    assert fim(*verify)[0] == 0
    lines = journals.load(run.state + "/journal", 1)
    journals.store(run.state + "/journal", 1, lines[:journals.chain_after(lines, 1) + 1])
    assert fim("verify", "--state", run.state)[0] == 0
    assert fim(*verify)[0] == 1


def test_the_output_of_a_daemon(tmp_path):
    """What is journaled is in FILE, too, as the format has it."""
    output = str(tmp_path / "the output?")
    with Run(tmp_path, "--output", output, "--format", "ecs", "--spool",
             str(tmp_path / "sinks")) as run:
        eventually(lambda: os.path.exists(output) and os.path.getsize(output))
        run.stop()
    with open(output) as lines:
        assert json.loads(next(lines))["fim"]["kind"] == "start"
    assert fim("run", "/etc", "--state", run.state, "--output", "/proc/none")[::2] == (
        1, "fim: /proc/none: No such file or directory\n")


def test_a_sink_that_nobody_answers(tmp_path):
    """Status says so, and what waits for it."""
    spool = str(tmp_path / "sinks")
    with Run(tmp_path, "--sink", "syslog:tcp://127.0.0.1:1", "--spool", spool) as run:
        eventually(lambda: re.search(
            "sink syslog:tcp://127.0.0.1:1: waiting: Connection refused.*"
            "sink +syslog:tcp://127.0.0.1:1, waiting: 0 of [1-9]",
            fim("status", "--state", run.state)[1], re.S))
        run.stop()


def test_killed_and_started_again(tmp_path):
    """The time between is not seen, and that is said."""
    with Run(tmp_path) as run:
        eventually(lambda: run.has("blind"))
        run.process.kill()
    last = [record for record in run.records() if record["kind"] == "chain"][-1]["time"]
    with open(glob.glob(run.state + "/journal/*")[0], "ab") as file:
        file.write(b'{"v": 1, "ki')
    with Run(tmp_path) as again:
        eventually(lambda: again.has("error") and again.has("blind", 2))
        again.stop()
    told = [record for record in again.records() if record["kind"] in ("blind", "error")]
    assert [record["kind"] for record in told] == ["blind", "blind", "error"]
    assert told[1]["since"] == last and "12 bytes cut" in told[2]["message"]
    assert fim("verify", "--state", run.state)[0] == 0


def test_sealed(tmp_path):
    """The key goes from segment to segment; the secret is not here."""
    machine_id = json.loads(host.describe())["machine_id"]
    os.mkdir(str(tmp_path / "state"), 0o700)
    key = str(tmp_path / "state" / "seal.key")
    assert fim("run", "/etc", "--seal", "--state", str(tmp_path / "state"))[0] == 1
    with open(key, "w") as file:
        json.dump({"segment": 1, "key": first_key(b"secret", machine_id or "").hex()}, file)
    if os.geteuid() == 0 and os.path.exists(KPROBES):
        for name in (str(tmp_path / "state"), key, str(tmp_path / "state" / "lock")):
            shutil.chown(name, 65534, 65534)
    with Run(tmp_path, "--seal", "--segment-mib", "0.002") as run:
        eventually(lambda: run.has("segment", 3))
        run.stop()
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "other").write_text("other\n")
    with open(key) as file:
        assert json.load(file)["segment"] >= 3
    verify = ("verify", "--state", run.state, "--secret")
    assert fim(*verify, str(tmp_path / "secret"))[0] == 0
    assert fim(*verify, str(tmp_path / "other"))[0] == 1


def test_files_taken_away(tmp_path):
    with Run(tmp_path) as run:
        eventually(lambda: run.has("heartbeat"))
        shutil.rmtree(run.state + "/journal")
        eventually(lambda: run.has("error"))
        run.stop()
    assert fim("verify", "--state", run.state)[0] == 1  # segment 1 is missing


def test_a_state_of_others(tmp_path):
    os.mkdir(str(tmp_path / "state"))
    os.chmod(str(tmp_path / "state"), 0o777)
    code, said, errors = fim("run", "/etc", "--state", str(tmp_path / "state"))
    assert (code, said) == (1, "") and "chmod" in errors and errors.count("\n") == 1


def test_the_service_manager_is_told(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o777)
        manager.settimeout(PATIENCE)
        with Run(tmp_path, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"}) as run:
            ready = manager.recv(4096).decode()
            while not ready.startswith("READY=1"):
                ready = manager.recv(4096).decode()
            assert "STATUS=blind: " in ready
            for _ in range(3):
                begun = time.monotonic()
                while manager.recv(4096) != b"WATCHDOG=1":
                    pass
                assert time.monotonic() - begun < 3
            run.process.terminate()
            while manager.recv(4096) != b"STOPPING=1":
                pass


def test_no_service_manager():
    service = Service({})
    service.tell("READY=1")
    assert service.patience is None
    assert Service({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}).patience is None
    Service({"NOTIFY_SOCKET": "/no such/socket"}).tell("READY=1")


def test_the_comparison_goes_on(tmp_path):
    """Blind as it is."""
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched" / "file").write_text("as it was")
    os.mkdir(str(tmp_path / "state"), 0o700)
    state = str(tmp_path / "state")
    assert fim("init", str(tmp_path / "watched"), "--state", state)[0] == 0
    (tmp_path / "watched" / "file").write_text("as it is")
    if os.geteuid() == 0 and os.path.exists(KPROBES):
        for name in (state, state + "/fim.db"):
            shutil.chown(name, 65534, 65534)
    with Run(tmp_path, "--check-hours", "0.0001") as run:
        eventually(lambda: run.has("check"))
        run.stop()
    found = [record for record in run.records() if record["kind"] in ("finding", "check")]
    assert found[0]["path"] == str(tmp_path / "watched" / "file")
    assert found[0]["state"] == "changed" and found[1]["changed"] == 1
    assert fim("verify", "--state", state)[0] in (0, 2)  # one may have been ended


def test_a_comparison_that_fails(tmp_path):
    """Is told, and degrades."""
    os.mkdir(str(tmp_path / "state"), 0o700)
    (tmp_path / "state" / "fim.db").write_text("no database")
    if os.geteuid() == 0 and os.path.exists(KPROBES):
        for name in ("state", "state/fim.db"):
            shutil.chown(str(tmp_path / name), 65534, 65534)
    with Run(tmp_path, "--check-hours", "0.0001") as run:
        eventually(lambda: run.has("error"))
        eventually(lambda: "the comparison with the baseline failed: " in fim(
            "status", "--state", run.state)[1])
        run.stop()
    error = next(record for record in run.records() if record["kind"] == "error")
    assert error["where"] == "check" and "fim.db" in error["message"]


@pytest.mark.parametrize("status,said,why", (
    (0, b"", None), (7, b"fim: /x: no such file\n", None), (18, b"fim: a\nfim: b\n", "b"),
    (1 << 7, b"", "it left with 128"), (-9, b"fim: a\n", "it was ended by signal SIGKILL")))
def test_why_a_comparison_failed(status, said, why):
    assert Comparison.why(status, said) == why


# --- the spool ---------------------------------------------------------------


class Slow(Journal):
    """On a disk that stands still until `go` is set."""

    go = None

    def put(self, data):
        self.go.wait()
        super().put(data)


def test_a_disk_that_stands_still(tmp_path):
    """put() does not wait, memory is bounded, and what was not kept is counted."""
    path = str(tmp_path / "journal")
    Slow.go = threading.Event()
    Slow.go.set()
    spool = Spool(lambda: Slow(Segments(path, make=True), journals.MACHINE), room=1 << 20)
    spool.start()
    eventually(lambda: spool.journal)
    Slow.go.clear()
    kept = 0
    for first in range(1, 20001, 100):
        begun = time.monotonic()
        before = spool.lost
        spool.put("a", journals.records(first, 100))
        assert time.monotonic() - begun < 0.5
        kept += 100 if spool.lost == before else 0
    assert spool.waiting <= 1 << 20 and spool.losses() is None
    Slow.go.set()
    loss = eventually(spool.losses)
    assert loss.records == 20000 - kept > 0 and loss.since < loss.until
    assert spool.losses() is None
    spool.put("a", journals.records(20001, 100))
    assert spool.close(PATIENCE)
    findings, verifier = journals.verify(path)
    assert {finding.kind for finding in findings} == {"hole"}  # incomplete, and it says so
    assert verifier.streams[journals.STREAM] == 20101


def test_more_at_once_than_there_is_room(tmp_path):
    """As after a time when nobody watched."""
    path = str(tmp_path / "journal")
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE), room=1 << 16)
    spool.put("a", journals.records(1, 20))
    spool.put("a", journals.records(21, 1000))
    assert spool.waiting > spool.room and spool.lost is None
    spool.put("a", journals.records(1021, 1))
    assert spool.lost.records == 1
    spool.start()
    assert spool.close(PATIENCE)
    assert journals.verify(path)[1].records == 1021


def test_no_room(tmp_path):
    """The journal is written again once there is."""
    path = str(tmp_path / "journal")
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE))
    spool.start()
    eventually(lambda: spool.journal)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, hard))
    try:
        for first in range(1, 1001, 50):
            spool.put("a", journals.records(first, 50))
        assert eventually(lambda: spool.failing)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    eventually(lambda: not spool.failing)
    assert spool.close(PATIENCE)
    assert journals.verify(path)[0] == []
    assert journals.verify(path)[1].records == 1001


@pytest.mark.parametrize("error", (EOFError("cut short"), KeyError("expired"), OverflowError()))
def test_what_nobody_foresaw_does_not_end_it(tmp_path, error):
    """It is told, and tried again."""
    class Harmed(Journal):
        """Fails until the test lets it."""
        harmed = True

        def tick(self):
            if Harmed.harmed:
                raise error
            super().tick()
    path = str(tmp_path / "journal")
    spool = Spool(lambda: Harmed(Segments(path, make=True), journals.MACHINE))
    spool.start()
    spool.put("a", journals.records(1, 300))
    assert type(error).__name__ in eventually(lambda: spool.failing)
    assert not spool.close(0)
    Harmed.harmed = False
    assert spool.close(PATIENCE) and spool.failing is None
    assert journals.verify(path)[0] == [] and journals.verify(path)[1].records == 301


def test_no_directory_at_first(tmp_path):
    """What comes meanwhile waits."""
    path = str(tmp_path / "place" / "journal")
    (tmp_path / "place").write_text("in the way")
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE))
    spool.start()
    spool.put("a", journals.records(1, 300))
    eventually(lambda: spool.failing)
    os.unlink(str(tmp_path / "place"))
    assert spool.close(PATIENCE)
    assert journals.verify(path)[0] == [] and journals.verify(path)[1].records == 301


def test_streams_do_not_share_a_batch(tmp_path):
    path = str(tmp_path / "journal")
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE))
    spool.start()
    for first in range(1, 100, 10):
        for stream in ("ab" * 16, "cd" * 16):
            spool.put(stream, journals.records(first, 10, stream))
    assert spool.close(PATIENCE)
    assert journals.verify(path)[0] == []
    assert len(journals.verify(path)[1].streams) == 2


def test_old_segments_are_compressed(tmp_path):
    path = str(tmp_path / "journal")
    journals.write(path, segments=4, packed=0)
    spool = Spool(lambda: Journal(Segments(path, make=True), journals.MACHINE))
    spool.start()
    eventually(lambda: len(glob.glob(path + "/*.gz")) == 3 and len(os.listdir(path)) == 4)
    assert spool.close(PATIENCE)
    assert journals.verify(path)[0] == []


# --- the status --------------------------------------------------------------

NOTED = {"time": 1000, "blind": None, "coverage": {"rename": {"ext4": {"state": "covered"}}},
         "journal_failing": None, "journal_lost": None}
SINK = {"sink": "syslog:", "state": "sending", "error": None, "number": 9, "sent": 9, "proven": 9,
        "spool_bytes": 0, "dropped": 0, "dropped_at": None}
VERDICTS = {
    "well": ({}, status.WELL),
    "blind": ({"blind": {"since": "s", "reason": "r"}}, status.BLIND),
    "not all seen": ({"coverage": {"chmod": {"xfs": {"state": "not_seen"}}}}, status.DEGRADED),
    "assumed": ({"coverage": {"chmod": {"xfs": {"state": "assumed"}}}}, status.WELL),
    "no journal": ({"journal_failing": "no room"}, status.DEGRADED),
    "lost": ({"journal_lost": 500}, status.DEGRADED),
    "lost long ago": ({"journal_lost": -9000}, status.WELL),
    "silent": ({"time": 900}, status.DEGRADED),
    "dropped": ({"sinks": [dict(SINK, dropped=7, dropped_at=990)]}, status.DEGRADED),
    "no document": ({"sinks": [dict(SINK, misfits=7, misfits_at=990)]}, status.DEGRADED),
    "dropped long ago": ({"sinks": [dict(SINK, dropped=7, dropped_at=-9000)]}, status.WELL),
    "a sink that waits": ({"sinks": [dict(SINK, state="waiting", error="e")]}, status.DEGRADED),
    "a sink": ({"sinks": [SINK]}, status.WELL),
    "policy refused": ({"policy_refused": "policy.py:3: no"}, status.DEGRADED),
    "not compared": ({"comparison_failing": "no space"}, status.DEGRADED),
}


@pytest.mark.parametrize("case", sorted(VERDICTS))
def test_verdicts(case):
    members, verdict = VERDICTS[case]
    found, complaints = status.judge(dict(NOTED, **members), True, 1010)
    assert found == verdict and bool(complaints) == (verdict != status.WELL)
    assert status.judge(dict(NOTED, **members), False, 1010)[0] == status.NOT_RUNNING


def test_what_a_sink_dropped_is_said():
    """In the verdict's reason, and beside what it sent."""
    members = dict(NOTED, sinks=[dict(SINK, dropped=7, dropped_at=990)])
    verdict, complaints = status.judge(members, True, 1010)
    said = "\n".join(cli_run.lines(members, verdict, complaints))
    assert "sink syslog:: 7 records dropped" in said and "9 proven, 7 dropped, " in said


@pytest.mark.parametrize("name, shown", [
    ("\x1b]0;evil\x07", "\\x1b]0;evil\\x07"), ("a\nfim: well", "a\\x0afim: well"),
    ("\udce9t\udce9", "\\xe9t\\xe9"), ("\u202e", "\\x202e"), ("\ud800", "\\ud800"), ("m\u00fcll", "m\u00fcll")])
def test_a_name_in_the_status_does_nothing(tmp_path, name, shown):
    """Neither to a terminal, nor to who asks: it can have any bytes."""
    members = dict(NOTED, time=time.time(), blind={
        "since": "x", "reason": "/srv/%s: No such file" % name, "mend": "m"})
    (tmp_path / "status.json").write_text(json.dumps(members))
    held = status.lock(str(tmp_path))
    try:
        assert main(["status", "--state", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    finally:
        os.close(held)
    said = (tmp_path / "out").read_bytes().decode("utf-8").splitlines()
    assert said[:2] == ["blind", "  blind since x: /srv/%s: No such file" % shown]


def test_a_look_at_the_status_keeps_nobody_from_running(tmp_path, monkeypatch):
    """It has the lock for a moment; only who runs keeps it."""
    state = str(tmp_path)
    held = os.open(state + "/lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_SH)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        fcntl.flock(held, fcntl.LOCK_UN)
    monkeypatch.setattr(status.time, "sleep", sleep)
    mine = status.lock(state)
    assert mine is not None and looks and status.is_running(state)
    monkeypatch.undo()
    assert status.lock(state) is None
    os.close(mine)
    os.close(held)
    assert not status.is_running(state)


def test_no_status_yet():
    assert status.judge({}, True, 0)[0] == status.BLIND
    assert fim("status", "--state", "/no such")[0] == status.NOT_RUNNING
