# SPDX-License-Identifier: GPL-2.0-only
"""The end, by a signal; and the form for people."""
import collections
import os
import re
import signal

import pytest

from fim.places import PREFIX
from watcher import Watcher
from workload import TIMES, append

LIST = "/sys/kernel/debug/kprobes/list"
SCRATCH = "/run/fim"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z  (\w+) +(.*)")


@pytest.fixture
def tree(base, request):
    path = os.path.join(next(iter(base.values())), "outside", request.node.name)
    os.mkdir(path)
    return path


def probes():
    """Kprobes of this kernel, by function; None where it does not tell."""
    if not os.path.exists(LIST):
        return None
    with open(LIST) as lines:
        return collections.Counter(line.split()[2].split("+")[0] for line in lines)


def scratch_left():
    """The canary's, of whatever monitor; kept programs stay."""
    names = os.listdir(SCRATCH) if os.path.isdir(SCRATCH) else ()
    return {name for name in names if name.startswith(PREFIX)}


def test_sigterm_drains_and_detaches(workloads, tree, scratch):
    """What is withheld of a directory watched for one name is told at the end, too."""
    before, left = probes(), scratch_left()
    lone = str(scratch / "one")
    os.mkdir(lone)
    with Watcher(scratch / "stop", [tree, lone + "/name"]) as watcher:
        watcher.wait_ready().settle()
        during = probes()
        assert before is None or sum(during.values()) > sum(before.values())
        workloads.run("create", lone)
        workloads.run("create", tree)
        records = watcher.stop(signal.SIGTERM)
    assert watcher.process.returncode == 0
    assert [record["kind"] for record in records] == ["event"] * TIMES + ["withheld", "stop"]
    assert records[-2]["count"] == TIMES
    assert records[-1]["reason"] == "SIGTERM"
    assert probes() == before
    assert scratch_left() <= left  # a killed one's goes with the next start
    assert not os.path.exists(watcher.ready)
    with open(watcher.errors) as file:
        assert file.read() == "fim: %s/name does not exist yet: waiting for it\n" % lone


def test_text_is_a_line_an_event(tree, scratch):
    """SIGINT does the same as SIGTERM; nothing in a name acts on a terminal."""
    odd = tree + "/two\nlines\x1b[2J"
    with Watcher(scratch / "text", [tree], "--utc", form="text") as watcher:
        watcher.wait_ready()
        os.close(os.open(odd, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        append(odd)
        os.rename(odd, tree + "/plain")
        watcher.process.send_signal(signal.SIGINT)
        watcher.process.wait(60)
    assert watcher.process.returncode == 0
    with open(watcher.output, newline="\n") as file:
        text = file.read()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(lines), text
    shown = tree + r"/two\x0alines\x1b[2J"
    assert [line[1] for line in lines] == ["start", "coverage", "create", "modify", "close",
                                           "rename", "stop"]
    assert [line[2].startswith(shown + "  ") for line in lines[2:5]] == [True, True, False]
    assert lines[4][2].startswith(shown + " (1 change)")
    assert lines[5][2].startswith("%s -> %s/plain" % (shown, tree))
