# SPDX-License-Identifier: GPL-2.0-only
"""`fim doctor` on this very kernel: what it finds, proves, packs and records."""
import json
import os
import re
import subprocess
import sys
import tarfile

import pytest

from fim import coverage, hooks, kernel_facts, places
from fim.kernel import Kernel
from fim.ways import WAYS
from watcher import ROOT

PATIENCE = 900  # an emulated machine compiles for minutes
# Each is one line; those of the kernel and the host, whatever they say.
ASKED = {"kernel", "kprobes", "headers", "symbols", "rights", "capabilities", "kprobes on",
         "ftrace on", "debugfs", "tracefs", "lockdown", "selinux", "memlock", "fips", "btf", "bcc"}
# What the file system itself refuses.
REFUSED = {("setflags", "tmpfs"), ("setflags", "overlay")}


def doctor(*options):
    """(exit status, lines)"""
    done = subprocess.run([sys.executable, "-m", "fim", "doctor"] + list(options), cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.stderr == b"", done.stderr
    return done.returncode, done.stdout.decode().splitlines()


def local():
    """Types of writable local file systems that are mounted here."""
    return {mount.type for mount in places.mounts() if mount.writable} & places.local_types()


@pytest.fixture(scope="module")
def full(base, scratch):
    """(exit status, findings, coverage, path of the bundle, cells of the trial) of one
    examination."""
    path = str(scratch / "bundle.tgz")
    status, lines = doctor("--full", "--format", "json", "--bundle", path)
    records = [json.loads(line) for line in lines]
    return status, records[:-1], records[-1]["coverage"], path, records[-1]["ways"]


def test_every_finding_is_one_line_and_well(full):
    status, findings = full[:2]
    assert {finding["what"] for finding in findings} == (
        ASKED | set(hooks.OPERATIONS) | {"ways"})
    amiss = [finding for finding in findings if finding["state"] != "ok"]
    assert (status, amiss) == (0, [])
    assert all(finding["answer"] and "\n" not in finding["answer"] for finding in findings)


def test_every_operation_is_proven_on_every_local_file_system(full, base):
    cells = full[2]
    assert set(cells) == set(hooks.OPERATIONS)
    kinds = set(next(iter(cells.values())))
    assert set(base) <= kinds <= local() | {places.kind_at(places.home(), list(places.mounts()))}
    amiss = {(operation, kind): cell["why"] for operation, row in cells.items()
             for kind, cell in row.items() if kind in base and cell["state"] != "covered"}
    assert set(amiss) <= REFUSED, amiss


def test_every_act_is_seen_by_every_way(full, base):
    """But what the file system itself refuses: flags, handles of an overlay."""
    cells = full[4]
    assert set(cells) == {way.name for way in WAYS}
    amiss = {(way, operation, kind): state for way, row in cells.items()
             for operation, states in row.items() for kind, state in states.items()
             if kind in base and state != "seen"}
    assert set(amiss.values()) <= {"refused"}, amiss
    assert {key for key in amiss if key[1:] not in REFUSED and key[::2] != ("file handle", "overlay")
            } == set(), amiss


def test_the_tables_are_what_the_records_say(full):
    """For people, as --full prints them behind the findings."""
    status, lines = doctor("--full")
    assert status == 0
    first, second = [at for at, line in enumerate(lines) if not line]
    assert lines[first + 1:second] == coverage.table(full[2])
    assert {line.split("  ")[0] for line in lines[second + 1:]} == {"way"} | set(full[4])
    assert len(lines[:first]) == len(full[1])


def test_the_bundle_is_for_somebody_else(full):
    """Facts, findings, coverage and logs; no path of this host's files but its mount points."""
    with tarfile.open(full[3]) as archive:
        texts = {member.name.partition("/")[2]: archive.extractfile(member).read().decode()
                 for member in archive.getmembers()}
    assert set(texts) == {"facts.json", "findings.json", "coverage.json", "ways.json", "kernel.log",
                          "unit.log"}
    assert json.loads(texts["coverage.json"]) == full[2]
    assert json.loads(texts["findings.json"]) == full[1]
    facts = json.loads(texts["facts.json"])
    assert facts["origin"]["release"] == os.uname()[2]
    assert os.stat(full[3]).st_mode & 0o777 == 0o600


def test_facts_give_the_choice_of_this_kernel():
    """What is recorded here would choose elsewhere, in a test, what is attached here."""
    status, lines = doctor("--facts")
    assert status == 0
    recorded = kernel_facts.of_record(json.loads("\n".join(lines)))
    here = Kernel.of_this_host()
    for table in (hooks.HOOKS, hooks.LEARN, hooks.ATTEMPTS):
        assert hooks.choose(recorded, table) == hooks.choose(here, table)


def test_quick_attaches_nothing():
    status, lines = doctor("--quick")
    assert status == 0
    assert {re.split(r"\s{2,}", line)[1] for line in lines} == ASKED


def test_packages_of_this_kernel_are_there_and_of_another_are_named():
    assert doctor("--packages") == (0, [])
    status, lines = doctor("--packages", "--kernel", "5.5.5-none")
    assert status == 2 and any("5.5.5-none" in line for line in lines)


def test_with_the_hooks_switched_off_it_is_blind_and_says_how_to_mend():
    path = "/proc/sys/kernel/ftrace_enabled"
    with open(path, "w") as file:
        file.write("0\n")
    try:
        status, lines = doctor("--full")
    finally:
        with open(path, "w") as file:
            file.write("1\n")
    blind = [line for line in lines if line.startswith("blind")]
    assert status == 2 and len(blind) == 1 and "sysctl kernel.ftrace_enabled=1" in blind[0]
