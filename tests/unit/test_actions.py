# SPDX-License-Identifier: GPL-2.0-only
"""What alerts ask for: done where it is allowed and where it hits what it means, and only there."""
import datetime
import errno
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from core_build import ROOT
from fim.actions import Actions, started
from fim.errors import PolicyError, UsageError
from fim.guard import Guard
from fim.stream import path_members
from streams import ATTACKS, lines_of

ALERT = {"rule": "r", "severity": "high", "message": "said\n\x1b[2J"}


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "100"])
    yield process
    process.kill()
    process.wait()


def process_of(pid, later=0):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=started(pid) + later)
    return {"pid": pid, "start": moment.isoformat(timespec="microseconds") + "000Z"}


def asked(allowing, *actions, state=None, **members):
    acting = Actions(allowing, state)
    found = acting.perform(dict(ALERT, actions={action: "asked for" for action in actions},
                                **members))
    if acting.thread:
        wait_for(acting)
    return found, acting.errors()


def wait_for(acting):
    """Until the thread has nothing more to do."""
    done = []
    acting.waiting.put(("done", lambda: done.append(1)))
    end = time.monotonic() + 20
    while not done and time.monotonic() < end:
        time.sleep(0.01)
    assert done


def state_of(process):
    with open("/proc/%d/stat" % process.pid) as file:
        return file.read().rpartition(")")[2].split()[0]


def test_nothing_is_allowed_at_first(sleeper):
    every = ["stop", "kill", "copy", "notify", "run:page"]
    found, _ = asked((), *every, process=process_of(sleeper.pid), path="/etc/passwd")
    assert found == {action: "not allowed" for action in every} and sleeper.poll() is None


def test_stop_and_kill(sleeper):
    who = process_of(sleeper.pid)
    assert asked(["stop"], "stop", process=who) == ({"stop": "done"}, [])
    end = time.monotonic() + 10
    while state_of(sleeper) != "T" and time.monotonic() < end:
        time.sleep(0.01)
    assert state_of(sleeper) == "T"
    assert asked(["kill"], "kill", "stop", process=who)[0] == {"kill": "done",
                                                               "stop": "not allowed"}
    assert sleeper.wait(10) == -signal.SIGKILL
    assert asked(["kill"], "kill", process=who)[0] == {"kill": "the process is gone"}


def test_kill_on_a_kernel_that_holds_nobody_fast(sleeper, monkeypatch):
    """Before 5.3, with a Python that knows the call."""
    def absent(pid):
        raise OSError(errno.ENOSYS, "Function not implemented")
    monkeypatch.setattr(os, "pidfd_open", absent, raising=False)
    assert asked(["kill"], "kill", process=process_of(sleeper.pid))[0] == {"kill": "done"}
    assert sleeper.wait(10) == -signal.SIGKILL


def test_another_with_its_number_is_left_alone(sleeper):
    found, _ = asked(["kill"], "kill", process=process_of(sleeper.pid, later=-5))
    assert found == {"kill": "the process is gone"} and sleeper.poll() is None


@pytest.mark.parametrize("who", [{}, {"pid": None, "start": None}, {"pid": 1, "start": "x"}])
def test_nobody_and_the_first(who):
    assert asked(["kill"], "kill", process=who)[0]["kill"].startswith("failed")


def test_ourselves():
    assert asked(["kill"], "kill", process=process_of(os.getpid()))[0]["kill"].startswith("failed")


def test_held(sleeper):
    found, _ = asked(["kill"], "kill", process=process_of(sleeper.pid), held="maintenance")
    assert found == {"kill": "held"} and sleeper.poll() is None


def file_of(path):
    """As records have it."""
    state = os.stat(str(path))
    return {"dev": "%d:%d" % (os.major(state.st_dev), os.minor(state.st_dev)),
            "ino": str(state.st_ino)}


def test_copy(tmp_path):
    path = tmp_path / "evil x"
    path.write_bytes(b"evil")
    file = file_of(path)
    found, errors = asked(["copy"], "copy", state=str(tmp_path), path=str(path), file=file)
    kept, = (tmp_path / "kept").iterdir()
    assert found == {"copy": "begun"} and not errors and kept.read_bytes() == b"evil"
    assert kept.name.endswith("-evil_x") and kept.stat().st_mode & 0o777 == 0o600
    assert asked(["copy"], "copy", path=str(path), file=file)[0]["copy"].startswith("failed: only")
    for other in (dict(file, ino="1"), dict(file, dev="0:1"), {}):
        found, _ = asked(["copy"], "copy", state=str(tmp_path), path=str(path), file=other)
        assert found == {"copy": "failed: another file is there"}
    link = tmp_path / "link"
    link.symlink_to(path)
    found, _ = asked(["copy"], "copy", state=str(tmp_path), path=str(link), file=file)
    assert found["copy"].startswith("failed") and len(list((tmp_path / "kept").iterdir())) == 1


def test_copy_of_a_name_that_is_not_text(tmp_path):
    path = os.fsencode(str(tmp_path)) + b"/evil \xff\xc3\xa9"
    with open(path, "wb") as file:
        file.write(b"evil")
    found, errors = asked(["copy"], "copy", state=str(tmp_path), file=file_of(os.fsdecode(path)),
                          **path_members("path", path))
    kept, = (tmp_path / "kept").iterdir()
    assert found == {"copy": "begun"} and not errors and kept.read_bytes() == b"evil"
    assert re.fullmatch(r"[0-9]+-evil__+", kept.name)


@pytest.mark.parametrize("bound, value", [("KEPT_BYTES", 7), ("KEPT_FILES", 1)])
def test_copies_fill_no_disk(tmp_path, monkeypatch, bound, value):
    monkeypatch.setattr("fim.actions." + bound, value)
    path = tmp_path / "evil"
    path.write_bytes(b"evil")
    errors = [asked(["copy"], "copy", state=str(tmp_path), path=str(path), file=file_of(path))[1]
              for _ in "12"]
    assert errors[0] == [] and len(list((tmp_path / "kept").iterdir())) == 1
    ((_, said),) = errors[1]
    assert said["where"] == "action copy" and "kept is full" in said["message"]


ASCII = """
import sys
from fim import actions, transaction
alert = {"path": "/etc/\\u00fc"}
sys.exit(sys.getfilesystemencoding() != "ascii" or not (
    actions.path_of(alert) == transaction.path_of(alert) == b"/etc/\\xc3\\xbc"))
"""


def test_a_name_where_the_locale_has_ascii():
    """As Python 3.6 takes it without LANG, and later ones where they are told to."""
    environment = dict(os.environ, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0",
                       PYTHONPATH=ROOT)
    assert subprocess.run([sys.executable, "-c", ASCII], env=environment).returncode == 0


def test_copy_without_a_path(tmp_path):
    """A record that names no file, such as one of a dentry that was disconnected."""
    found, _ = asked(["copy"], "copy", state=str(tmp_path), path=None)
    assert found == {"copy": "failed: no path is known"}


def command(directory, text):
    path = directory / "page"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return "run:page=%s" % path


def test_run(tmp_path):
    option = command(tmp_path, "cat > %s/said; exit 0\n" % tmp_path)
    assert asked([option], "run:page", "run:other") == (
        {"run:page": "begun", "run:other": "not allowed"}, [])
    assert '"rule": "r"' in (tmp_path / "said").read_text()


def test_a_command_that_fails_is_said(tmp_path):
    found, ((kind, members),) = asked([command(tmp_path, "exit 3\n")], "run:page")
    assert found == {"run:page": "begun"} and kind == "error"
    assert members["where"] == "action run:page" and "status 3" in members["message"]


def test_notify():
    assert asked(["notify"], "notify")[0] == {"notify": "done"}


def test_options_that_are_none(tmp_path):
    for word in ("kil", "run:page", "run:page=relative", "run:p q=/bin/true", "run:x=/nosuch"):
        with pytest.raises(UsageError):
            Actions([word])
    option = command(tmp_path, "")
    (tmp_path / "page").chmod(0o777)
    with pytest.raises(PolicyError, match="others can write"):
        Actions([option])


def test_from_a_rule_to_the_alert(tmp_path):
    path = tmp_path / "policy.py"
    path.write_text("from fim.policy import Policy\npolicy = Policy('p')\n"
                    "@policy.rule(policy.watch('/etc') / 'passwd', actions=['kill', 'copy'])\n"
                    "def rule(change):\n    return True\n")
    path.chmod(0o600)
    guard = Guard([str(path)], str(tmp_path), allowing=["kill"])
    try:
        outcomes = guard.turn(lines_of(ATTACKS)) + guard.finish()
    finally:
        guard.close()
    alert = next(members for kind, members in outcomes if kind == "alert")
    # Whoever did it, in the machine where it was recorded, is not here.
    assert alert["actions"] == {"kill": "the process is gone", "copy": "not allowed"}


def test_an_action_that_is_none():
    from fim.policy import Policy
    with pytest.raises(ValueError, match="explode"):
        Policy("p").rule(actions="explode")(print)
