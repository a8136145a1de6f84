# SPDX-License-Identifier: GPL-2.0-only
"""What is different in small text files; and what is shown of no file, whoever asks for it."""
import os
import sqlite3

import pytest

from fim import texts
from trees import Tree

OLD, NEW = "one\ntwo\nthree\n", "one\n2\nthree\n"
DIFFERENCE = ["--- approved", "+++ now", "@@ -1,3 +1,3 @@", " one", "-two", "+2", " three"]


@pytest.fixture
def tree(tmp_path):
    made = Tree(tmp_path)
    for name in ("text", "other", "etc/shadow", "etc/tls.key", "etc/mine"):
        made.write(name, OLD)
    made.write("binary", b"two\0\n")
    made.write("large", "two\n" * (texts.LARGEST // 4 + 1))
    return made


def init(tree, *arguments):
    tree.init("--diff", tree.path("*"), "--never-show", tree.path("etc/mine"), *arguments)


def write_new(tree):
    for name in ("text", "etc/shadow", "etc/tls.key", "etc/mine"):
        tree.write(name, NEW)
    tree.write("binary", b"2\0\n")
    tree.write("large", "2\n")


def differences(tree):
    """{path within the tree: lines}"""
    return {path: found["diff"].split("\n") for path, found in tree.check()[1].items()
            if "diff" in found}


def kept(tree):
    with sqlite3.connect(os.path.join(tree.state, "fim.db")) as connection:
        names = connection.execute("SELECT path FROM texts").fetchall()
    connection.close()
    return {os.path.relpath(os.fsdecode(path), tree.top) for path, in names}


def test_what_is_different_is_shown(tree):
    init(tree)
    write_new(tree)
    assert differences(tree) == {"text": DIFFERENCE}
    out = tree.fim("check", "--no-packages")[1]
    assert [line for line in out.split("\n") if line.startswith("      | ")] == [
        "      | " + line for line in DIFFERENCE]


def test_some_are_not_even_kept(tree):
    """Neither those known to be, nor those that are named, nor what is no small text."""
    init(tree)
    assert kept(tree) == {"text", "other"}


def test_nothing_is_kept_unless_asked_for(tree):
    tree.init()
    write_new(tree)
    assert kept(tree) == set() and differences(tree) == {}


def test_what_was_secret_elsewhere_is_not_shown(tree):
    """The file with the secret is put in the place of one that is shown."""
    init(tree)
    os.rename(tree.path("text"), tree.path("between"))
    tree.write("etc/shadow", NEW)
    tree.init("--replace", "--diff", tree.path("*"))
    os.rename(tree.path("other"), tree.path("away"))
    os.rename(tree.path("etc/shadow"), tree.path("other"))
    assert tree.check()[1]["other"]["old_path"] == tree.path("etc/shadow")
    assert differences(tree) == {}


def test_accepted_text_is_what_the_next_is_compared_with(tree):
    init(tree)
    tree.write("text", NEW)
    tree.write("made", OLD)
    os.rename(tree.path("other"), tree.path("moved"))
    number = tree.check()[2]["id"]
    assert tree.fim("accept", number, "--reason", "x")[0] == 0
    assert kept(tree) == {"text", "made", "moved"}
    tree.write("text", OLD)
    tree.write("made", NEW)
    assert differences(tree) == {"made": DIFFERENCE, "text": [
        line.replace("-two", "-2").replace("+2", "+two") if line[1:] in ("two", "2") else line
        for line in DIFFERENCE]}


def test_altered_texts_are_not_believed(tree):
    init(tree)
    with sqlite3.connect(os.path.join(tree.state, "fim.db")) as connection:
        connection.execute("UPDATE texts SET content = (SELECT content FROM texts t WHERE "
                           "t.path != texts.path)")
        connection.execute("UPDATE texts SET content = x'00' WHERE path = ?",
                           (os.fsencode(tree.path("other")),))
    connection.close()
    tree.write("other", NEW)
    assert differences(tree) == {} and set(tree.check()[1]) == {"other"}


def test_bytes_do_not_act_on_a_terminal(tree):
    init(tree)
    tree.write("text", b"\x1b[2J\xff\r\n")
    out = tree.fim("check", "--no-packages")[1]
    assert "+\\x1b[2J\\xff" in out and not set(out) & {"\x1b", "\r"}
    assert "\\xff" in tree.check()[1]["text"]["diff"]


def test_a_long_difference_is_cut(tree):
    tree.write("text", "a\n" * 3000)
    init(tree)
    tree.write("text", "b\n" * 3000)
    lines = differences(tree)["text"]
    assert len(lines) == texts.MOST_LINES + 1 and lines[-1].endswith("lines more")
