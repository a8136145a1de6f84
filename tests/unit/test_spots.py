# SPDX-License-Identifier: GPL-2.0-only
"""What of a policy's `withhold` the kernel is told; tests/system/test_spots.py sees what it does."""
import json
import os
from types import SimpleNamespace

import pytest

from core_build import ROOT
from fim import spots, status
from fim.policy import Policy
from test_run import fim


def plan(*withheld):
    policy = Policy("p")
    for path, ops, actor in withheld:
        policy.withhold(policy.watch(path), ops=ops, **actor)
    return policy.plan()


def operations(made, bit):
    return {word for word, bits in made.wanted_operations().items() if bits & bit}


def test_names_are_always_told():
    made = spots.Spots([plan(("/srv", None, {}))])
    assert operations(made, 1) == {"modify", "close", "truncate", "chmod", "chown", "utimes",
                                   "setxattr", "removexattr", "setflags", "mmap"}
    assert made.places() == [("/srv", 1)]


def test_actors():
    """Somebody who is none of those named is only in the spots to which it is all one."""
    made = spots.Spots([plan(("/a", {"utimes"}, {"uid": 48}), ("/b", {"chmod"}, {"uid": 0}),
                             ("/c", {"close"}, {}), ("/d", {"close"}, {"uid": 48, "auid": 7}))])
    found = made.wanted_actors()
    assert found[48, 0, 1] == 1 | 4 | 8 and found[0, 0, 1] == 2 | 4 and found[0, 0, 1 | spots.ANY] == 4
    assert found[7, 0, 2] == 15 and found[0, 0, 2 | spots.ANY] == 7
    assert found[0, 0, 3 | spots.ANY] == found[0, 0, 4 | spots.ANY] == 15
    assert operations(made, 1) == {"utimes"} and operations(made, 4) == {"close"}


def test_an_executable_that_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(spots, "FOREIGN", set())
    path = tmp_path / "tool"
    path.write_text("one")
    made = spots.Spots([plan(("/a", {"close"}, {"exe": str(path)}))])

    def numbers():
        return [key[0] for key in made.wanted_actors() if key[2] == spots.KINDS["exe"]]

    first = path.stat().st_ino
    assert numbers() == [first]
    (tmp_path / "new").write_text("two")
    os.rename(str(tmp_path / "new"), str(path))
    assert numbers() == [path.stat().st_ino] != [first]
    path.unlink()
    assert numbers() == []


def test_where_stat_s_numbers_are_not_the_kernel_s(tmp_path, monkeypatch):
    monkeypatch.setattr(spots, "kind_at", lambda path, table: "overlay")
    assert spots.identity("exe", str(tmp_path)) is None


def test_every_policy_has_to_withhold_it():
    one, other = plan(("/a", {"close"}, {}), ("/b", None, {})), plan(("/b", None, {}))
    assert spots.Spots([one, other]).places() == [("/b", 1)]
    assert spots.Spots([one, plan()]).places() == spots.Spots([]).places() == []


@pytest.mark.parametrize("path,ops", [("/home/*/x", {"close"}), ("/srv", {"create", "rename"})])
def test_what_the_kernel_cannot(path, ops):
    assert spots.Spots([plan((path, ops, {}))]).places() == []


def test_other_policies_hear_again():
    kept, gone = ("/a", {"close"}, {}), ("/b", {"close"}, {})
    made = spots.Spots([plan(kept, gone)])
    assert operations(made, 1) == operations(made, 2) == {"close"}
    made.keep([plan(kept, ("/new", {"chmod"}, {}))])
    assert operations(made, 1) == {"close"} and operations(made, 2) == set()
    made.keep([plan(kept, gone)])
    assert operations(made, 2) == {"close"}


@pytest.mark.parametrize("actor", [{"uid": "www"}, {"uid": -1}, {"exe": "httpd"}, {"cgroup": 5}])
def test_actors_that_are_none(actor):
    with pytest.raises(ValueError, match="withhold"):
        plan(("/a", None, actor))


def test_how_many_there_can_be():
    """As the manual says; each has a bit of the inodes' own."""
    made = spots.Spots([plan(*[("/%d" % number, {"close"}, {}) for number in range(20)])])
    assert len(made.places()) == spots.MOST and 1 << spots.MOST <= 1 << 16
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        assert "more than %d, and" % spots.MOST in file.read()


def daemon_of(made):
    """What a daemon's status is made of, where nothing but its blind spots is worth a word."""
    return SimpleNamespace(
        blind=None, monitor=SimpleNamespace(coverage={}, roots=["/a"], spots=made), counts=dict,
        head=lambda: None, guard=None, contents=None, sinks=[], programs=list,
        troubles=SimpleNamespace(lost=None),
        spool=SimpleNamespace(failing=None, waiting=0), comparison=SimpleNamespace(failing=None))


def test_status_lists_them(tmp_path):
    made = spots.Spots([plan(("/a", {"close"}, {"uid": 48}), ("/b", None, {}))])
    made.spots[0].past = 7
    state = os.open(str(tmp_path), os.O_RDONLY)
    noted = status.Status(state)
    noted.write(json.dumps(noted.members(daemon_of(made))).encode("ascii"))
    running = status.lock(str(tmp_path))
    code, said, _ = fim("status", "--state", str(tmp_path))
    assert code == status.WELL
    assert [line.split(None, 5)[5] for line in said.splitlines() if "left out" in line] == [
        "7: the policy withholds /a of uid=48", "0: the policy withholds /b of anybody"]
    told = json.loads(fim("status", "--state", str(tmp_path), "--format", "json")[1])
    assert told["blind_spots"] == {"the policy withholds /a of uid=48": 7,
                                   "the policy withholds /b of anybody": 0}
    os.close(running)
    os.close(state)
