# SPDX-License-Identifier: GPL-2.0-only
"""fim.scan: every name of a tree, as stat says it, for whoever uses the library."""
import base64
import os
import subprocess
import sys

import pytest

import fim
from core_build import ROOT
from test_cli_errors import as_nobody


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("content")
    (tmp_path / "a" / "file").chmod(0o640)
    os.symlink("file", str(tmp_path / "a" / "link"))
    return tmp_path / "a"


def test_every_name(tree):
    found = {entry.path: entry for entry in fim.scan(tree)}
    assert sorted(found) == [str(tree)] + [str(tree / name) for name in ("b", "file", "link")]
    file, st = found[str(tree / "file")], os.lstat(str(tree / "file"))
    assert (file.type, file.mode, file.uid, file.gid, file.size, file.nlink) == (
        "file", "0640", st.st_uid, st.st_gid, 7, 1)
    assert file.ino == str(st.st_ino) and file.mtime.endswith("Z")
    assert file.hash is None and file.as_dict()["path"] == file.path
    assert [found[str(tree / name)].type for name in ("b", "link")] == ["directory", "symlink"]


def test_it_is_an_iterator(tree):
    """Left in the middle, too."""
    names = fim.scan(str(tree))
    assert next(names).path == str(tree)
    assert next(iter(names)).path == str(tree / "b")


def test_a_name_that_is_not_text(tmp_path):
    raw = os.fsencode(str(tmp_path)) + b"/\xff"
    open(raw, "w").close()
    for path in (raw, os.fsdecode(raw)):
        entry, = fim.scan(path)
        assert entry.path.endswith("/\\xff") and base64.b64decode(entry.path_b64) == raw


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        fim.scan(tmp_path / "none")


def test_what_cannot_be_looked_at_is_said(tree):
    for place in (tree.parent, tree.parent.parent, tree.parent.parent.parent):
        os.chmod(str(place), 0o755)
    (tree / "b").chmod(0)
    code = "import fim, sys; names = fim.scan(sys.argv[1]); print(len(list(names)), *names.unseen)"
    said = subprocess.check_output(as_nobody() + [sys.executable, "-c", code, str(tree)], cwd=ROOT)
    assert said.decode() == "4 (%r, 'Permission denied')\n" % str(tree / "b")
