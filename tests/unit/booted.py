# SPDX-License-Identifier: GPL-2.0-only
"""A systemd that is booted for one job, in namespaces of its own on this host's kernel, without a
network and without anything that could build something.

Where the kernel has no kprobes `fim run` says that it is blind, and the service is up all the same.
"""
import os
import shutil
import subprocess

import pytest

from fim.records import read

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 600
PRELUDE = """
set -e
say() { echo "$1=$2" >>/job/facts; }
state() { systemctl show -p "$2" "$1" | cut -d= -f2; }
service() { say "$1" "$(state fim.service ActiveState) $(state fim.service NRestarts)"; }
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive
say hidden "$(sh /job/without_compiler.sh | tr '\\n' ' ')"
"""

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")


def facts_of(place, job):
    """[(what, how it was)], as the job found it: shell, with `say`, `state` and `service`; what
    it needs lies in `place`, which it sees as /job."""
    shutil.copy(os.path.join(HERE, "without_compiler.sh"), str(place))
    (place / "job").write_text(PRELUDE + job + "say done yes\n")
    subprocess.run(["unshare", "-m", "-p", "-n", "-C", "-f", "--kill-child", "sh",
                    os.path.join(HERE, "boot.sh"), str(place)], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=SECONDS)
    said = (place / "said").read_text()
    found = [tuple(line.split("=", 1)) for line in (place / "facts").read_text().splitlines()]
    assert ("done", "yes") in found, said
    assert_nothing_could_be_built(dict(found)["hidden"].split())
    return found + [("place", str(place))]


def assert_nothing_could_be_built(hidden):
    """Those that this host has, and it has these."""
    for tool in ("gcc", "make"):
        assert [path for path in hidden if tool in os.path.basename(path)], hidden


def reasons(path):
    """[why it started, why it stopped, ...]"""
    return [(record.kind, record.reason) for record in read(path)
            if record.kind in ("start", "stop")]
