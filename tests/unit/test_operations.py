# SPDX-License-Identifier: GPL-2.0-only
"""What fim/dist/operations.md shows can be done."""
import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from core_build import ROOT
from fim.cli import parser
from fim.journal import Journal
from fim.segments import Segments
from fim.sinks.address import Address
from made import NOW, Made

COLLECT = os.path.join(ROOT, "fim", "dist", "collect")
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
    assert set(listed) == set(os.listdir(COLLECT))


@pytest.mark.parametrize("name", ["rsyslog-host.conf", "rsyslog-central.conf"])
def test_rsyslog_of_any_distribution(name):
    """RHEL 7's 8.24 has another work directory, and no action.resumeIntervalMax; RELP is a package
    of its own everywhere."""
    with open(os.path.join(COLLECT, name), encoding="ascii") as file:
        lines = file.read().splitlines()
    said = "\n".join(line for line in lines if line.startswith("#"))
    done = "\n".join(line for line in lines if not line.startswith("#"))
    assert "rsyslog-relp" in said and "rsyslog-relp" in PAGE
    assert not re.search("workDirectory|resumeIntervalMax|/var/(spool|lib)", done, re.I)


def test_filebeat():
    """It reads the file that the sink in its comment writes, into the index of the template."""
    with open(os.path.join(COLLECT, "filebeat.yml"), encoding="ascii") as file:
        text = file.read()
    sink = Address(re.search(r"--sink '(.*)'", text).group(1))
    settings = yaml.safe_load(text)
    source, = settings["filebeat.inputs"]
    assert (sink.format, [sink.path]) == ("ecs", source["paths"])
    parser_of = source["parsers"][0]["ndjson"]
    assert source["type"] == "filestream" and source["id"]
    assert (parser_of["target"], parser_of["overwrite_keys"]) == ("", True)
    with open(os.path.join(COLLECT, "opensearch-template.json"), encoding="ascii") as file:
        pattern, = json.load(file)["index_patterns"]
    assert fnmatch.fnmatch(settings["output.elasticsearch"]["index"], pattern)
    assert settings["setup.template.enabled"] is settings["setup.ilm.enabled"] is False


def test_the_notebook(tmp_path):
    """Ten lines at most, and they run on a journal."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.S).group(1)
    assert len(code.splitlines()) <= 10
    made = Made()
    for _ in range(3):
        event = made.event("modify", "/etc/x", made.process("bin/vi"))
    head = {key: event[key] for key in ("v", "stream", "time", "host", "labels")}
    made.records.append(dict(head, kind="blind", seq=4, since=NOW, until=None, reason="no kprobes",
                             mend="m"))
    journal = Journal(Segments(str(tmp_path / "journal"), make=True))
    journal.append(b"".join(json.dumps(record).encode() + b"\n" for record in made.records))
    journal.close()
    done = subprocess.run([sys.executable, "-c", code.replace("/var/lib/fim", str(tmp_path))],
                          cwd=ROOT, stdout=subprocess.PIPE)
    said = done.stdout.decode()
    assert done.returncode == 0 and "('/usr/bin/vi', 3)" in said
    assert said.splitlines()[-1].endswith("'no kprobes')]") and "11-23 00:00 ####" in said
