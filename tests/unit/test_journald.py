# SPDX-License-Identifier: GPL-2.0-only
"""A real systemd-journald, in a mount namespace of its own, takes everything."""
import json
import os
import subprocess
import sys

import pytest

from collectors import records
from core_build import ROOT
from test_sinks import NASTY, bodies_equal, nasty_lines

IN_PRIVATE = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald 2>/dev/null &
until [ -S /run/systemd/journal/socket ]; do sleep 0.1; kill -0 $! || exit 1; done
"$1" -c "$2" "$3" || exit 1
journalctl -D /run/log/journal --sync 2>/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do
	journalctl -D /run/log/journal -t fim -o json --all >"$3/entries"
	[ "$(wc -l <"$3/entries")" -ge "$4" ] && break
	sleep 0.3
done
kill $!
"""
SEND = """
import sys
from fim.sinks import Sinks
sinks = Sinks(["journald:"], sys.argv[1] + "/spool")
with open(sys.argv[1] + "/lines", "rb") as file:
    sinks.take(file.read())
sinks.close()
assert sinks.state()[0]["failures"] == 0, sinks.state()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace wants root")
def test_everything_arrives(tmp_path):
    """Any name, and an entry longer than a datagram; numbered, with their kind."""
    long = records(1, 900, known="x" * 900000)
    (tmp_path / "lines").write_bytes(nasty_lines() + long)
    command = ["unshare", "-m", "sh", "-c", IN_PRIVATE, "sh", sys.executable, SEND, str(tmp_path),
               str(len(NASTY) + 1)]
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in (tmp_path / "entries").read_text().splitlines()]
    assert [int(entry["FIM_NUMBER"]) for entry in entries] == list(range(1, len(NASTY) + 2))
    assert {(entry["FIM_KIND"], entry["PRIORITY"]) for entry in entries} == {("error", "3")}
    bodies = [entry["MESSAGE"].encode() for entry in entries]
    bodies_equal(bodies[:-1], nasty_lines(), "json")
    assert bodies[-1] == long[:-1]
