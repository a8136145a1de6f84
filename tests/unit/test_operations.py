# SPDX-License-Identifier: GPL-2.0-only
"""What fim/dist/operations.md shows can be done."""
import os
import re
import shlex
import subprocess
import sys

import pytest

from core_build import ROOT
from fim.cli import parser
from made import Made

with open(os.path.join(ROOT, "fim", "dist", "operations.md"), encoding="utf-8") as file:
    PAGE = file.read()
SHOWN = re.findall(r"(?:^|`)(fim [a-z]+(?: [^`\n#&|]+)?)", PAGE, re.M)
NAMED = {"RELEASE": "6.1", "CHECK-ID": "1", "FILE": "f", "HOST.jsonl": "h"}
FILES = [name.replace("share/fim/", "fim/dist/")
         for name in re.findall(r"`(ext/[^`]+|share/fim/[^`]+|tests/[^`]+)`", PAGE)]


@pytest.mark.parametrize("line", sorted(set(SHOWN)))
def test_commands(line):
    """Each is one; with what it requires where only a part is shown."""
    words = [NAMED.get(word, word) for word in shlex.split(line)[1:]]
    known = next(action for action in parser()._actions if action.dest == "verb").choices
    assert words[0] in known
    verb = known[words[0]]
    options = {option for action in verb._actions for option in action.option_strings}
    assert {word for word in words if word.startswith("--")} <= options


def test_files():
    """Those it names are there."""
    assert "fim/dist/policies/logs.py" in FILES and "fim/dist/" not in PAGE
    assert [name for name in FILES if not os.path.exists(os.path.join(ROOT, name))] == []
    listed = re.findall(r"`([a-z-]+\.(?:conf|sql|yml|json))`", PAGE)
    assert set(listed) == set(os.listdir(os.path.join(ROOT, "fim", "dist", "collect")))


def test_the_notebook(tmp_path):
    """Ten lines at most, and they run on a journal."""
    from fim.journal import Journal
    from fim.segments import Segments
    import json
    code = re.search(r"```python\n(.*?)```", PAGE, re.S).group(1)
    assert len(code.splitlines()) <= 10
    made = Made()
    for _ in range(3):
        made.event("modify", "/etc/x", made.process("bin/vi"))
    journal = Journal(Segments(str(tmp_path / "journal"), make=True))
    journal.append(b"".join(json.dumps(record).encode() + b"\n" for record in made.records))
    journal.close()
    done = subprocess.run([sys.executable, "-c", code.replace("/var/lib/fim", str(tmp_path))],
                          cwd=ROOT, stdout=subprocess.PIPE)
    said = done.stdout.decode()
    assert done.returncode == 0 and "('/usr/bin/vi', 3)" in said and said.rstrip().endswith("[]")
