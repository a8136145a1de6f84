# SPDX-License-Identifier: GPL-2.0-only
"""Bad use of the command line: one clear line on standard error, and the right exit status."""
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from core_build import ROOT
from fim.cli import parser
from fim.version import VERSION

ACTS, ANSWERS_USAGE = 1, 15
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def fim(*arguments, before=()):
    """(exit status, what it says on standard error); standard output must be empty."""
    done = subprocess.run(list(before) + [sys.executable, "-m", "fim"] + list(arguments), cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode("utf-8", "strict")


def check_line(said, *words):
    """One line that begins with the program and names what is wrong."""
    assert said.startswith("fim: ") and said.count("\n") == 1 and said.endswith("\n"), said
    for word in words:
        assert word in said, said


BAD = {
    "no verb": ((), "no verb"),
    "another verb": (("wach", "/etc"), "wach"),
    "no path": (("watch",), "PATH"),
    "an empty path": (("watch", ""), "empty"),
    "no policy": (("watch", "-c", "/no such/policy.py"), "/no such"),
    "no parent": (("watch", "/no such/directory/file"), "/no such/directory"),
    "another format": (("watch", "--format", "xml", "/etc"), "xml"),
    "pages not a number": (("watch", "--ring-pages", "x", "/etc"), "--ring-pages"),
    "pages not a power of two": (("watch", "--ring-pages", "3", "/etc"), "3"),
    "no pages": (("watch", "--ring-pages", "0", "/etc"), "0"),
    "no entries": (("watch", "--map-entries", "0", "/etc"), "--map-entries"),
    "another option": (("watch", "--nosuch", "/etc"), "--nosuch"),
    "output in no directory": (("watch", "--output", "/no such/file", "/etc"), "/no such/file"),
    "output is a directory": (("watch", "--output", "/", "/etc"), "/"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_watch_used_badly(case):
    arguments, word = BAD[case]
    status, said = fim(*arguments)
    assert status == ACTS
    check_line(said, word)


def test_a_control_character_is_not_said_raw():
    status, said = fim("watch", "/no\x1b[2J\nsuch/directory/file")
    assert status == ACTS
    check_line(said)
    assert "\x1b" not in said


def test_a_verb_that_answers():
    """Its errors are no answers."""
    status, said = fim("doctor", "--nosuch")
    assert status == ANSWERS_USAGE
    check_line(said, "--nosuch")


def as_nobody():
    """Words to put before a command, so that it is not root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which(NOBODY[0]):
        pytest.skip("root, and no setpriv to become another")
    if subprocess.call(NOBODY + ["test", "-r", os.path.join(ROOT, "fim", "cli.py")]):
        pytest.skip("this checkout cannot be read by others than root")
    return NOBODY


def test_not_root():
    status, said = fim("watch", "/", before=as_nobody())
    assert status == ACTS
    check_line(said, "root")


def shell(line, state="/no such"):
    """(exit status, standard error) of what a shell is asked, with $FIM and $STATE in it."""
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, FIM=sys.executable + " -m fim", STATE=str(state)),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode("utf-8", "strict")


# What nobody can read: the status is no answer all the same.
UNREADABLE = {
    "no standard error": ("$FIM check --state /nope 2>&-", 18),
    "a full standard error": ("$FIM verify --state /nope 2>/dev/full", 18),
    "full, and a verb that acts": ("$FIM log --state /nope 2>/dev/full", 1),
    "no standard output": ("$FIM status --state /nope >&-", 18),
    "no standard output, acting": ("$FIM maintenance status >&-", 1),
    "help": ("$FIM check --help >/dev/full", 18),
    "help of all": ("$FIM --help >/dev/full", 1),
    "version": ("$FIM --version >/dev/full", 1),
    "help, closed": ("$FIM verify --help | true; exit ${PIPESTATUS[0]}", 18),
}


@pytest.mark.parametrize("case", sorted(UNREADABLE))
def test_what_nobody_can_read(case):
    line, status = UNREADABLE[case]
    left, said = shell(line)
    assert left == status and said.count("\n") <= 1 and "Traceback" not in said, said


NUMBERS = {
    "no end": ("check --max-mb-per-s inf", 15, "inf"),
    "no rate": ("check --max-mb-per-s nan", 15, "nan"),
    "no size": ("run --content-mib nan /etc", 1, "nan"),
    "no end of a segment": ("run --segment-mib inf /etc", 1, "inf"),
    "below nothing": ("run --keep-mib=-1 /etc", 1, "-1"),
    "before any time": ("report --since 9999999d", 1, "9999999d"),
    "far before": ("log --since 99999999999999999999d", 1, "no time"),
}


@pytest.mark.parametrize("case", sorted(NUMBERS))
def test_numbers_that_are_none(case):
    words, status, said = NUMBERS[case]
    left, told = fim(*words.split())
    assert left == status
    check_line(told, said)


@pytest.mark.parametrize("verb,status", (("check", 18), ("accept 1 --reason x", 1)))
def test_what_nobody_foresaw(tmp_path, verb, status):
    """Is an error, and one line: never Python's 1, which is an answer."""
    (tmp_path / "file").write_text("x")
    assert fim("init", str(tmp_path / "file"), "--state", str(tmp_path), "--output", "/dev/null")[0] == 0
    database = sqlite3.connect(str(tmp_path / "fim.db"))
    database.execute("DROP TABLE meta")
    database.commit()
    database.close()
    left, said = shell("$FIM %s --state $STATE" % verb, tmp_path)
    assert left == status
    check_line(said)


def test_what_is_known_of_it(tmp_path):
    """With -v, which every verb has."""
    verbs = next(action for action in parser()._actions if action.dest == "verb").choices
    assert all("-v" in verb._option_string_actions for verb in verbs.values())
    (tmp_path / "fim.db").mkdir()
    status, said = shell("$FIM log -v --state $STATE", tmp_path)
    first, second = said.splitlines()
    assert status == 1 and first.startswith("fim %s, Python " % VERSION)
    assert first.endswith(": log -v --state %s" % tmp_path) and "no journal" in second


def test_a_path_behind_an_option(tmp_path):
    """Is one; what begins with - is not."""
    for word, why in (("/x", "no such check"), ("-- /x", "no such check"),
                      ("--nosuch /x", "--nosuch")):
        assert fim("init", str(tmp_path), "--state", str(tmp_path), "--replace",
                   "--output", "/dev/null")[0] == 0
        status, said = shell("$FIM accept 1 --state $STATE --reason X %s" % word, tmp_path)
        assert status == 1
        check_line(said, why)


@pytest.mark.parametrize("text", ("[]", "{}", '{"time": 1}', "{", "null"))
def test_a_harmed_status(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    left, said = shell("$FIM status --state $STATE", tmp_path)
    assert left == 18
    check_line(said, "status.json")


def test_a_status_of_others(tmp_path):
    before = as_nobody()
    if not before:
        pytest.skip("not root")
    (tmp_path / "lock").write_text("")
    os.chmod(str(tmp_path / "lock"), 0o600)
    for place in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(str(place), 0o755)
    left, said = fim("status", "--state", str(tmp_path), before=before)
    assert left == 18
    check_line(said, "Permission denied")


@pytest.mark.parametrize("text", ("{}", "[]", '{"ends": "x"}', '{"ends": 1e12}'))
def test_harmed_maintenance_is_none(tmp_path, text):
    (tmp_path / "maintenance.json").write_text(text)
    assert shell("$FIM maintenance status --state $STATE", tmp_path) == (0, "")
