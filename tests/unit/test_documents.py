# SPDX-License-Identifier: GPL-2.0-only
"""Every kind of record and every operation as ECS and as OCSF, held against their field lists."""
import json
import os

import pytest

import core_record
import schema_fields
import streams
import whole_records
from core_build import ROOT, Driver
from fim.sinks.documents import documents
from fim.sinks.ecs import HASHES
from test_schema import HEAD, OTHERS

FAULTS = {"ecs": schema_fields.ecs_faults, "ocsf": schema_fields.ocsf_faults}


@pytest.fixture(scope="module")
def lines():
    """One of each operation as the core renders it, what a real kernel gave, one of each other
    kind, and one of each operation and kind with all that the schema allows."""
    with Driver("decode_driver") as driver:
        rendered = [driver.ask(raw).split(b"\n", 2)[1] for raw in core_record.samples()]
    events = [dict(json.loads(line.decode()), host=HEAD["host"], labels={"site": "x"})
              for line in rendered]
    others = [dict(HEAD, kind=kind, **OTHERS[kind]) for kind in sorted(OTHERS)]
    others.append(dict(HEAD, kind="alert", rule="set-uid", severity="high", tags=["T1548.001"],
                       message="a set-uid file came", events=[1]))
    others += whole_records.records()
    recorded = b"".join(map(streams.lines_of, (streams.ATTACKS, streams.WAYS, streams.MORE)))
    return [json.dumps(record).encode("ascii") for record in events + others] + recorded.splitlines()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_record_is_valid(lines, name):
    for line in lines:
        document = json.loads(documents(name)(line).decode("ascii"))
        assert list(FAULTS[name](document)) == [], line


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_lists_find_what_is_wrong(lines, name):
    """A member more, a wrong type, and for OCSF one less."""
    document = json.loads(documents(name)(lines[0]).decode("ascii"))
    assert list(FAULTS[name](dict(document, no_such_field=1)))
    assert list(FAULTS[name](dict(document, file=dict(document["file"], size="9"))))
    if name == "ocsf":
        assert list(FAULTS[name]({key: value for key, value in document.items() if key != "device"}))
        assert list(FAULTS[name](dict(document, activity_id=2, type_uid=1)))
    else:
        for member, wrong in (("kind", "record"), ("outcome", "ok"), ("category", ["disk"]),
                              ("type", ["error"]), ("type", ["start"])):
            assert list(FAULTS[name](dict(document, event=dict(document["event"], **{member: wrong}))))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_nothing_is_lost(name):
    """Every value of a record in which all are different is somewhere in the document."""
    for record in whole_records.records():
        said = documents(name)(json.dumps(record).encode("ascii")).decode("ascii")
        record.pop("v")
        assert [value for value in whole_records.values(record)
                if any(map(str.isdigit, value)) and value not in said] == [], record["kind"]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_members_are_kept_whole(lines, name):
    """As they are, for whoever knows ours."""
    for line in lines:
        record = json.loads(line.decode())
        said = documents(name)(line).decode("ascii")
        for key in ("path_b64", "old_path_b64", "known_paths_b64", "mono_ns", "kernel", "changed",
                    "lost", "check", "baseline_digest", "operations", "counts"):
            if key in record:
                assert json.dumps(record[key], separators=(",", ":")) in said, key


def test_members_by_example(lines):
    """The mapping of one rename, spelled out."""
    rename = next(line for line in lines if b'"op": "rename"' in line)
    record = json.loads(rename.decode())
    ecs = json.loads(documents("ecs")(rename).decode())
    assert (ecs["event"]["action"], ecs["event"]["type"]) == ("rename", ["change"])
    assert ecs["event"]["category"] == ["file"] and ecs["event"]["outcome"] == "success"
    assert ecs["event"]["sequence"] == record["seq"] and ecs["@timestamp"] == record["time"]
    assert ecs["file"]["inode"] == "12" and ecs["file"]["mode"] == record["file"]["mode"]
    assert ecs["process"]["args"] == ["vim", "/etc/passwd"] and ecs["process"]["args_count"] == 2
    assert ecs["user"]["audit"]["id"] == "1000" and ecs["user"]["id"] == "0"
    assert ecs["fim"]["old_path"] == record["old_path"]
    assert ecs["labels"] == {"site": "x"}
    ocsf = json.loads(documents("ocsf")(rename).decode())
    assert (ocsf["class_uid"], ocsf["activity_id"], ocsf["type_uid"]) == (1001, 5, 100105)
    assert ocsf["actor"]["process"]["cmd_line"] == "vim /etc/passwd"
    assert ocsf["status_id"] == 1 and ocsf["severity_id"] == 1
    assert ocsf["metadata"]["sequence"] == record["seq"]
    assert str(ocsf["time"])[-3:] == record["time"][20:23]


@pytest.mark.parametrize("text, count", [
    ("2026-11-23T04:54:31.825802160Z", 1795409671825), ("1969-12-31T23:59:59.999000000Z", -1),
    ("0001-01-01T00:00:00.000000000Z", -62135596800000),
    ("0000-12-31T23:59:59.999000000Z", -62135596800001),
    ("0000-02-29T12:00:00.000000000Z", -62162078400000), (None, None)])
def test_milliseconds(text, count):
    """touch -d 0000-06-01 is allowed to everybody."""
    from fim.sinks import ocsf
    assert ocsf.milliseconds(text) == count


def test_what_the_actor_gives_is_quoted():
    """An argument cannot look like two in OCSF's one line."""
    from fim.sinks import ocsf
    process = {"args": ["sh", "-c", "a b; 'c'"], "parent": None, "pid": 1, "tid": 1, "ppid": 0,
               "entity_id": "x", "comm": "sh", "exe": None, "start": None, "cwd": None, "uid": 0,
               "user": None, "container": None}
    assert ocsf.process_of(process)["cmd_line"] == """sh -c 'a b; '"'"'c'"'"''"""


def template():
    """{dotted field: type} of the index template."""
    with open(os.path.join(ROOT, "fim", "dist", "collect", "opensearch-template.json")) as file:
        mappings = json.load(file)["template"]["mappings"]
    assert mappings["dynamic"] == "false"

    def fields(properties, path=""):
        for name, what in properties.items():
            yield from (fields(what["properties"], path + name + ".") if "properties" in what
                        else [(path + name, what["type"])])
    return dict(fields(mappings["properties"]))


# What an index calls the types of ECS; the last two are of Elasticsearch's alone.
INDEXED = {"date": "date_nanos", "object": "flat_object", "match_only_text": "text",
           "wildcard": "keyword"}


def test_the_index_template_has_every_field(lines):
    """Of every document, by the type that ECS gives it."""
    mapped, used = template(), set()
    for line in lines:
        document = json.loads(documents("ecs")(line).decode("ascii"))
        used |= {name for name, _ in schema_fields.leaves(document)}
    assert mapped.pop("fim") == "flat_object"
    ours = {name for name in used if not name.startswith("fim.")}
    assert ours | {"file.hash." + name for name in HASHES} == set(mapped)
    for name in ours:
        kind = schema_fields.ECS.get(name, "keyword").replace("[]", "")
        assert mapped[name] == INDEXED.get(kind, kind), name
