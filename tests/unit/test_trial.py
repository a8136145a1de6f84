# SPDX-License-Identifier: GPL-2.0-only
"""Every act by every way, really done on this host's files; what the kernel would say is made up."""
import json
import os

import pytest

from fim import places, trial
from fim.acts import ACTS, PATHS
from fim.diagnosis import DEGRADED, OK
from fim.doctor import by_ways
from fim.ways import WAYS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="ways of root")


def record(scratch, operation, expected):
    """As the canary's are: of what should be said."""
    made = {"op": operation, "path": None}
    for name, value in expected.items():
        member, _, rest = name.partition(".")
        value = "/above/%s/%s" % (scratch, value) if name in PATHS else value
        made[member] = dict(made.get(member) or {}, **{rest: value}) if rest else value
    return json.dumps(made).encode() + b"\n"


class Session:
    """Tells of every act in every scratch, but for what it is deaf to."""

    def __init__(self, deaf=()):
        self.scratches, self.deaf = [], set(deaf)

    def scan_begin(self):
        pass
    scan_end = scan_begin

    def watch_canary(self, path):
        if path.endswith(b"/"):
            self.scratches.append(os.path.basename(os.fsdecode(path).rstrip("/")))

    def canary(self):
        return b"".join(record(scratch, operation, expected) for scratch in self.scratches
                        for act in ACTS for operation, expected in act.expected.items()
                        if operation not in self.deaf)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Where another type of file system would be."""
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(places, "HOMES", (str(tmp_path / "run"),))
    monkeypatch.setattr(places, "place", lambda *unused: str(tmp_path / "disk"))
    (tmp_path / "run").mkdir()
    return tmp_path / "disk"


def tried(session, **options):
    return trial.Trial(session, ["elsewhere"], lambda milliseconds: None, **options).run(0.1)


def test_everything_is_done_by_every_way(disk):
    """And nothing is left behind."""
    before, place = set(os.listdir("/tmp")), os.getcwd()
    found = tried(Session())
    assert os.listdir(str(disk)) == [] and os.getcwd() == place
    with open("/proc/self/mountinfo") as mounts:
        assert str(disk) not in mounts.read()
    assert {name for name in os.listdir("/tmp") if name.startswith(places.PREFIX)} <= before
    assert set(found.cells) == {way.name for way in WAYS}
    for way in WAYS:
        check_way(way, found)
    assert [finding.state for finding in by_ways(found)] == [OK]


def check_way(way, found):
    """Each operation has an answer: seen, but for what this host's files cannot do."""
    states = {operation: cells["elsewhere"] for operation, cells in found.cells[way.name].items()}
    assert set(states) == {operation for act in ACTS if act.operation not in way.without
                           for operation in act.expected}
    refused = {operation for operation, state in states.items() if state == trial.REFUSED}
    assert refused <= {"setflags", "mount", "umount", "open"}, (way.name, found.why)
    assert set(states.values()) <= {trial.SEEN, trial.REFUSED}


@pytest.fixture
def two_ways(monkeypatch):
    """The others are no different in what is asked then."""
    ways = [way for way in WAYS if way.name in ("bind mount", "chroot")]
    monkeypatch.setattr(trial, "WAYS", ways)
    return ways


def test_what_is_not_seen_is_said(disk, two_ways):
    found = tried(Session(deaf={"chmod"}))
    assert {(way, kind) for way, kind, _ in found.failures()} == {
        (way.name, kind) for way in two_ways for kind in (found.canary.kind, "elsewhere")}
    findings = list(by_ways(found))
    assert {finding.state for finding in findings} == {DEGRADED}
    assert any("by bind mount on elsewhere: not seen: chmod (no record came)" in finding.answer
               for finding in findings)
    assert "1 NOT SEEN" in found.summary()["chroot"]["elsewhere"]


def test_what_has_no_hook_is_not_said_again(disk, two_ways):
    """A kernel without the functions: the operations' own lines tell of it."""
    found = tried(Session(deaf={"chmod"}), blind={"chmod"})
    assert found.failures() == []
    assert found.cells["chroot"]["chmod"]["elsewhere"] == trial.ATTACHED


def test_a_way_that_is_none_is_refused(disk, monkeypatch):
    def closed(path, room):
        raise PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(trial, "WAYS", [WAYS[0]._replace(name="closed", reach=closed)])
    found = tried(Session())
    states = {state for cells in found.cells["closed"].values() for state in cells.values()}
    assert states == {trial.REFUSED} and "Operation not permitted" in set(found.why.values())


def test_a_process_that_ends_is_no_answer(disk, monkeypatch):
    monkeypatch.setattr(trial, "WAYS", [WAYS[0]._replace(reach=lambda path, room: os._exit(1))])
    found = tried(Session())
    assert {state for cells in found.cells["its name"].values()
            for state in cells.values()} == {trial.REFUSED}
