# SPDX-License-Identifier: GPL-2.0-only
"""The published schema takes what fim writes, and nothing that the contract does not have."""
import copy
import json
import os
import re

import jsonschema
import pytest

import core_record
from core_build import Driver, ROOT

TIME = "2026-11-23T04:54:31.825802160Z"
HEAD = {
    "v": 1, "seq": 1, "stream": "0123456789abcdef0123456789abcdef", "time": TIME,
    "host": {"name": "h", "machine_id": None, "boot_id": "9ab7f7ee-e630-4206-b772-66d874c5d214"},
    "labels": {},
}
CELL = {"state": "covered", "hook": "d_move", "why": None}
DIGEST = "0" * 64
FACTS = {"dev": "8:1", "ino": "12", "type": "file", "mode": "0644", "uid": 0, "gid": 0, "size": 1,
         "mtime": TIME, "ctime": TIME, "nlink": 1, "hash": DIGEST}


def without_hash(facts):
    return {key: value for key, value in facts.items() if key != "hash"}


OTHERS = {
    "start": {"reason": None, "version": "0.1.0", "paths": ["/etc"]},
    "stop": {"reason": "SIGTERM", "version": "0.1.0", "counts": {"events": 3}},
    "coverage": {"operations": {"rename": {"ext4": CELL}}, "attempts": {"open": CELL}},
    "blind": {"reason": "kprobes are switched off: not seen: chmod", "mend": "echo 1 > ...",
              "since": TIME, "until": None},
    "gap": {"cpu": 0, "lost": 2, "first": 1, "last": 2, "since": None, "until": TIME,
            "reason": "the ring was full"},
    "reconcile": {"gap": 7, "path": "/etc/x", "state": "changed", "since": TIME, "until": TIME,
                  "changed": {"size": {"before": 1, "after": 2}}, "file": without_hash(FACTS)},
    "gap_closed": {"gap": 7, "sweep": 7, "checked": 3, "changed": 1, "undecided": 0},
    "found": {"path": "/etc/x", "reason": "moved in",
              "file": {"dev": "8:1", "ino": "12", "type": "file", "mode": "0644"}},
    "content": {"event": 4, "count": 1, "path": "/etc/x", "hash": {"sha256": DIGEST},
                "hash_state": "stable", "reason": None, "against": "approved",
                "file": {"dev": "8:1", "ino": "12", "size": 1, "mtime": TIME, "ctime": TIME},
                "changed": {"hash": {"before": None, "after": DIGEST}}},
    "withheld": {"path": "/etc/m", "reason": "not entered: --one-file-system"},
    "heartbeat": {"counts": {"events": 3}, "waiting": 0,
                  "head": {"journal": "ab" * 16, "segment": 1, "link": 3, "hash": DIGEST,
                           "stream": "cd" * 16, "seq": 200}},
    "error": {"where": "/etc/x", "message": "Permission denied"},
    "clock": {"before": TIME, "after": TIME},
    "finding": {"check": "3", "path": "/etc/x", "state": "changed", "file": FACTS,
                "changed": {"mode": {"before": "0600", "after": "0644"}}},
    "check": {"id": "3", "baseline_digest": DIGEST, "mode": "full", "checked": 9, "new": 0,
              "removed": 0, "changed": 1, "moved": 0, "unreadable": 0, "appended": 0, "excluded": 0,
              "started": TIME, "ended": TIME},
    "accept": {"check": "3", "paths": ["/etc/x"], "by": "root", "reason": "an upgrade",
               "baseline_digest": DIGEST},
    "baseline": {"digest": DIGEST, "entries": 1, "scope": {
        "roots": ["/etc"], "algorithm": "sha256", "growing": [], "one_file_system": False,
        "created": TIME, "machine": HEAD["host"]}},
    "approved": {"path": "/etc/x", "file": FACTS, "name": "L2V0Yy94", "facts": "AAAA"},
    "alert": {"rule": "r", "policy": "p", "severity": "high", "tags": ["a"], "message": "said",
              "events": [3], "path": "/etc/x", "effect": "mode", "effects": ["mode"],
              "changed": {"mode": {"before": "0600", "after": "0644"}}, "not_told": 2,
              "actions": {"kill": "not allowed", "run:page": "begun"}},
    "transaction": {"packages": ["hello"], "files": 2, "verified": 2, "mismatched": 0},
    "maintenance": {"state": "end", "by": "root", "reason": "CHG-1", "since": TIME, "until": TIME,
                    "held": {"r": 2}, "not_listed": 1,
                    "alerts": [{"rule": "r", "path": "/etc/x", "events": [3, 4]}]},
    "policy": {"digest": DIGEST, "state": "loaded"},
}
# Wrong values by the member's path; each makes a right record wrong.
WRONG = {
    "v": 2, "kind": "evnt", "seq": 0, "stream": "", "time": "2026-11-23T04:54:31.825802Z",
    "op": "chmd", "result": "ok", "errno": 2, "path": "etc/x", "path_mount": "sure",
    "path_complete": None, "deleted": 0, "names_known": None, "late": "no", "mono_ns": "1",
    "matched": "name", "file.dev": 64768, "file.ino": 12, "file.type": "regular",
    "file.mode": "644", "file.uid": -1, "file.size": None, "file.mtime": 0,
    "kernel.generation": None, "process.pid": "1", "process.uid": 4294967295,
    "process.comm": None, "process.args": "vi", "process.args_cut": None,
    "process.entity_id": "1", "process.container": "docker", "process.mnt_ns": 4026531841,
    "process.parent": "bash", "path_b64": "=", "known_paths": [],
}
OPTIONAL = {"start": {"paths"}, "stop": {"counts"}, "withheld": {"path"}, "coverage": {"attempts"},
            "check": {"excluded"}, "maintenance": {"alerts", "not_listed"},
            "alert": {"effect", "effects", "changed", "not_told", "actions"}}


@pytest.fixture(scope="module")
def schema():
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.fixture(scope="module")
def events():
    """One of each operation and some odd ones, as the core renders them."""
    with Driver("decode_driver") as driver:
        rendered = [driver.ask(raw).split(b"\n", 2)[1] for raw in core_record.samples()]
    return [dict(json.loads(line.decode()), host=HEAD["host"]) for line in rendered]


def with_value(record, path, value):
    """A copy in which the member at a dotted path is `value`."""
    copied = copy.deepcopy(record)
    place = copied
    for key in path.split(".")[:-1]:
        place = place[key]
    place[path.split(".")[-1]] = value
    return copied


def without(record, key):
    return {name: value for name, value in record.items() if name != key}


def test_events_are_taken(validator, events):
    for event in events:
        validator.validate(event)


def test_every_operation_is_in_it(schema):
    """And no other: a new operation needs its line there."""
    with open(os.path.join(ROOT, "bpf_c", "event.h"), encoding="utf-8") as file:
        rows = re.search(r"FIM_OPERATIONS\(X\)(.*?)\n\n", file.read(), re.S).group(1)
    words = re.findall(r'"(\w+)"\)', rows)
    assert sorted(schema["definitions"]["event"]["properties"]["op"]["enum"]) == sorted(words)


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_other_kinds(validator, kind):
    record = dict(HEAD, kind=kind, **OTHERS[kind])
    validator.validate(record)
    assert not validator.is_valid(dict(record, more=1))
    for key in record:
        assert validator.is_valid(without(record, key)) == (key in OPTIONAL.get(kind, ())), key


def test_what_every_event_has(validator, events):
    """No member may be missing, at any level; none may be new."""
    for event in events:
        assert not validator.is_valid(dict(event, more=1))
        for key in set(event) - {"known_paths", "known_paths_b64", "changed"}:
            assert validator.is_valid(without(event, key)) == key.endswith("_b64"), key
        for part in ("file", "kernel", "process", "host"):
            for key in event[part] or ():
                wrong = dict(event, **{part: without(event[part], key)})
                assert validator.is_valid(wrong) == key.endswith("_b64"), (part, key)


@pytest.mark.parametrize("path", sorted(WRONG))
def test_wrong_values_are_refused(validator, events, path):
    event = next(event for event in events if event["op"] == "create" and event["path_complete"])
    assert not validator.is_valid(with_value(event, path, WRONG[path]))


MEMBERS_OF = {"rename": ("old_path", "replaced", "exchange"), "link": ("target_path", "created"),
              "symlink": ("target",), "close": ("count", "bytes"), "mknod": ("rdev",),
              "setflags": ("flags", "changed"), "setxattr": ("xattr",), "mount": ("mount",),
              "open": ("holds",)}
SHARED = {"changed": {"truncate", "chmod", "chown", "utimes"}, "xattr": {"removexattr"},
          "mount": {"umount"}, "rdev": {"open"}}


@pytest.mark.parametrize("op", sorted(MEMBERS_OF))
def test_members_of_one_operation(validator, events, op):
    """They are refused with one that lacks them."""
    given = {key: event[key] for event in events if event["op"] == op
             for key in MEMBERS_OF[op] if key in event}
    assert sorted(given) == sorted(MEMBERS_OF[op])
    for event in events:
        for key in given:
            if event["op"] != op and event["op"] not in SHARED.get(key, ()):
                assert not validator.is_valid(dict(event, **{key: given[key]}))
