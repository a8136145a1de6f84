# SPDX-License-Identifier: GPL-2.0-only
"""fim policy, explain, replay, maintenance: as a user without root calls them."""
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

import jsonschema
import pytest

from core_build import ROOT
from streams import ATTACKS, DAY, content_of
from test_layers import interpreters
from test_run import NOBODY

POLICIES = os.path.join(ROOT, "fim", "dist", "policies")
PASSWORDS = os.path.join(POLICIES, "passwords.py")


AS_ANOTHER = pytest.mark.skipif(os.geteuid() != 0, reason="not root: cannot be somebody else")


def fim(*arguments, stdin=None, before=()):
    """(exit status, standard output, standard error)"""
    done = subprocess.run(list(before) + [sys.executable, "-m", "fim"] + list(arguments),
                          cwd=ROOT, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def written(tmp_path):
    def write(source):
        path = tmp_path / "policy.py"
        path.write_text(source)
        path.chmod(0o600)
        return str(path)
    return write


def test_policy_says_what_reaches_the_kernel():
    status, said, errors = fim("policy", PASSWORDS)
    assert (status, errors) == (0, "")
    assert ("watch     /etc; operations: all; not *.swp; content by sha256 in fim run, not in "
            "fim watch\n") in said
    assert "rule      password_database (high, line 12)" in said


def test_policy_as_data():
    status, said, _ = fim("policy", "--format", "json", POLICIES)
    plans = [json.loads(line) for line in said.splitlines()]
    assert status == 0 and len(plans) == 10
    assert all(plan["watches"] and plan["rules"] for plan in plans)


@AS_ANOTHER
@pytest.mark.parametrize("words", (["policy", PASSWORDS], ["policy", "--format", "json", POLICIES],
                                   ["explain", "/etc/shadow", "-c", PASSWORDS]),
                         ids=lambda words: words[0] + words[1])
def test_by_another_user(words):
    """The same, by one who may do nothing."""
    status, said, errors = fim(*words, before=NOBODY)
    assert (status, errors) == (0, "") and said == fim(*words)[1] != ""


@pytest.fixture
def open_to_all():
    """A directory that other users reach; pytest's own they do not."""
    path = tempfile.mkdtemp(prefix="fim-open-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@AS_ANOTHER
@pytest.mark.parametrize("owner,expected", [(0, 0), (65534, 0), (65533, 1)])
def test_whose_file_it_is_to_another_user(open_to_all, owner, expected):
    """His own and root's will do."""
    path = open_to_all + "/policy.py"
    shutil.copy(PASSWORDS, path)
    os.chown(path, owner, owner)
    status, said, errors = fim("policy", path, before=NOBODY)
    assert (status, bool(said)) == (expected, not expected), errors
    assert ("its owner is user 65533" in errors) == bool(expected)


@pytest.mark.parametrize("verb,expected", [("policy", 1), ("replay", 17)])
def test_refused(written, verb, expected):
    path = written("from fim.policy import Policy\n\npolicy = Policy(\n")
    words = [path] if verb == "policy" else [ATTACKS, "-c", path]
    status, said, errors = fim(verb, *words)
    assert (status, said) == (expected, "")
    assert errors.startswith("fim: %s:3: " % path) and errors.count("\n") == 1


@pytest.mark.parametrize("words", (["--nosuch"], ["--format", "xml"], ["/no such"],
                                   [PASSWORDS, "--output", "/no such/file"]), ids=" ".join)
def test_policy_is_a_verb_that_acts(words):
    status, said, errors = fim("policy", *words)
    assert (status, said) == (1, "") and errors.count("\n") == 1


def test_refused_where_it_acts(written):
    status, _, errors = fim("explain", "/etc", "-c", written("x = 1\n"))
    assert status == 1 and "no `policy`" in errors


def test_explain_a_path():
    status, said, _ = fim("explain", "/etc/shadow", "-c", PASSWORDS)
    assert status == 0 and "watch     /etc" in said and "password_database" in said
    status, said, _ = fim("explain", "/etc/x.swp", "-c", PASSWORDS)
    assert "excluded in /etc by one of: *.swp" in said and "no rule is asked" in said
    status, said, _ = fim("explain", "/usr/bin/env", "-c", PASSWORDS)
    assert "not watched" in said


def test_explain_a_rule():
    logs = os.path.join(POLICIES, "logs.py")
    status, said, _ = fim("explain", "--rule", "log_cut", "-c", logs)
    assert status == 0 and (
        "withholds /var/log of uid=48: a chosen blind spot of the kernel for utimes\n") in said
    assert "when rotated" in said
    status, _, errors = fim("explain", "--rule", "nosuch", "-c", logs)
    assert status == 1 and "nosuch" in errors
    assert fim("explain", "-c", logs)[0] == 1


def test_explain_as_data():
    shadow = json.loads(fim("explain", "/etc/shadow", "-c", PASSWORDS, "--format", "json")[1])
    assert (shadow["policy"], shadow["path"]) == ("passwords", "/etc/shadow")
    assert [rule["name"] for rule in shadow["rules"]] == ["password_database"]
    assert [watch["excluded"] for watch in shadow["watches"]] == [False]
    swapped = json.loads(fim("explain", "/etc/x.swp", "-c", PASSWORDS, "--format", "json")[1])
    assert [watch["excluded"] for watch in swapped["watches"]] == [True] and not swapped["rules"]
    logs = os.path.join(POLICIES, "logs.py")
    rule = json.loads(fim("explain", "--rule", "log_cut", "-c", logs, "--format", "json")[1])
    assert rule["rule"]["name"] == "log_cut" and rule["paths"][0]["withheld"]


def test_replay(written):
    status, said, errors = fim("replay", ATTACKS, "-c", PASSWORDS)
    assert (status, errors) == (1, "") and "ALERT high password_database: " in said
    status, said, _ = fim("replay", DAY, "-c", PASSWORDS)
    assert (status, said) == (0, "")


def test_replay_with_digests(written, tmp_path):
    """Equal content in a journal of fim run is no alert; it is counted."""
    path = written("from fim.policy import Policy\npolicy = Policy('p')\n"
                   "watch = policy.watch('/etc', content='sha256')\n"
                   "@policy.rule(watch / 'profile', on='content')\n"
                   "def rule(change):\n    return '%s' % change.before('hash')\n")
    with open(DAY, "rb") as file:
        lines = file.readlines()
    at = next(at for at, line in enumerate(lines, 1)
              if b'"op":"close"' in line and b'"path":"/etc/profile"' in line)
    event = json.loads(lines[at - 1].decode())
    for after, expected, said in (("a" * 64, 0, "count=1 reason=written with equal content (sha256)"),
                                  ("b" * 64, 1, "ALERT medium rule: " + "a" * 64)):
        stream = tmp_path / "stream"
        content = json.dumps(content_of(event, "a" * 64, after, count=2)).encode()
        stream.write_bytes(b"".join(lines[:at] + [content + b"\n"] + lines[at:]))
        status, out, _ = fim("replay", str(stream), "-c", path)
        assert (status, out.count("\n")) == (expected, 1) and said in out


@pytest.mark.parametrize("python", [path for _, path in interpreters()])
def test_replay_by_another_python(python):
    done = subprocess.run([python, "-m", "fim", "replay", ATTACKS, "-c", PASSWORDS], cwd=ROOT,
                          stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout.decode()) == fim("replay", ATTACKS, "-c", PASSWORDS)[:2]


def test_replay_as_records():
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json")) as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    status, said, _ = fim("replay", "--format", "json", ATTACKS, "-c", POLICIES)
    records = [json.loads(line) for line in said.splitlines()]
    assert status == 1 and len(records) > 10
    for record in records:
        validator.validate(record)


def test_replay_of_a_directory_and_of_standard_input(tmp_path):
    with open(ATTACKS, "rb") as file:
        lines = file.read().splitlines(True)
    half = len(lines) // 2
    (tmp_path / "00000001.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:half])))
    (tmp_path / "00000002.jsonl").write_bytes(b"".join(lines[half:]) + b'{"cut')
    (tmp_path / "00000001.jsonl.gz.new").write_bytes(b"left by a crash")
    whole = fim("replay", ATTACKS, "-c", PASSWORDS)
    parts = fim("replay", str(tmp_path), "-c", PASSWORDS)
    assert parts[:2] == whole[:2] and "no end" in parts[2]
    assert fim("replay", "-", "-c", PASSWORDS, stdin=b"".join(lines)) == whole


def test_replay_of_what_is_no_journal(tmp_path):
    (tmp_path / "00000001.jsonl").write_text("no record\n")
    status, said, errors = fim("replay", str(tmp_path), "-c", PASSWORDS)
    assert (status, said) == (18, "") and "no record" in errors
    assert fim("replay", str(tmp_path / "y"), "-c", PASSWORDS)[0] == 18
    assert fim("replay", "-c", PASSWORDS)[0] == 15
    (tmp_path / "empty").mkdir()
    status, said, errors = fim("replay", str(tmp_path / "empty"), "-c", PASSWORDS)
    assert (status, said) == (18, "") and "no segment" in errors


def test_replay_of_a_file_that_is_cut(tmp_path):
    with open(ATTACKS, "rb") as file:
        whole = gzip.compress(file.read())
    (tmp_path / "00000001.jsonl.gz").write_bytes(whole[:len(whole) // 2])
    for path in (tmp_path, tmp_path / "00000001.jsonl.gz"):
        status, _, errors = fim("replay", str(path), "-c", PASSWORDS)
        assert status == 18 and "00000001.jsonl.gz: " in errors and errors.count("\n") == 1


def test_maintenance(tmp_path):
    state = ["--state", str(tmp_path)]
    assert fim("maintenance", "status", *state)[1] == "no maintenance\n"
    assert fim("maintenance", "begin", *state)[0] == 1
    assert fim("maintenance", "begin", "--for", "2x", "--reason", "r", *state)[0] == 1
    status, said, _ = fim("maintenance", "begin", "--for", "2h", "--reason", "CHG-1", *state)
    assert status == 0 and "CHG-1" in said
    assert "CHG-1" in fim("maintenance", "status", *state)[1]
    said = json.loads(fim("maintenance", "status", "--format", "json", *state)[1])
    assert said["active"] is True and said["reason"] == "CHG-1"
    assert fim("maintenance", "end", *state)[:2] == (0, "no maintenance\n")
    assert fim("maintenance", "end", *state)[0] == 1
