# SPDX-License-Identifier: GPL-2.0-only
"""Bad use of the command line: one clear line on standard error, and the right exit status."""
import os
import shutil
import subprocess
import sys

import pytest

from core_build import ROOT

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
