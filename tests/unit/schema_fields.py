# SPDX-License-Identifier: GPL-2.0-only
"""ECS and OCSF documents against lists of those schemas' own fields.

The lists are what we use of them, with all that OCSF requires; field names and types as
published in ECS 8.17.0 (generated/csv/fields.csv of elastic/ecs) and in OCSF 1.5.0
(events/, objects/, profiles host and container, and dictionary.json of ocsf/ocsf-schema).
"""
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
KINDS = {
    "keyword": lambda v: isinstance(v, str), "match_only_text": lambda v: isinstance(v, str),
    "wildcard": lambda v: isinstance(v, str), "object": lambda v: isinstance(v, dict),
    "date": lambda v: isinstance(v, str) and TIME.match(v),
    "long": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool) and v < 2**31,
    "string": lambda v: isinstance(v, str), "boolean": lambda v: isinstance(v, bool),
    "json": lambda v: True,
}
# Not ECS's: ours, and the name that Auditbeat gave the login user.
CUSTOM = re.compile(r"(fim|user\.audit\.(id|name))(\.|$)")
# What ECS 8.17.0 allows (schemas/event.yml): of `event.type` by the categories that we use.
ECS_ALLOWED = {
    "event.kind": {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error",
                   "signal"},
    "event.outcome": {"failure", "success", "unknown"},
    "event.category": {"file", "host"},
}
ECS_TYPES = {"file": {"access", "change", "creation", "deletion", "info"},
             "host": {"access", "change", "end", "info", "start"}}
OCSF_CLASSES = {1001: "file_activity", 2004: "detection_finding", 0: "base_event"}


def rows(name):
    with open(os.path.join(HERE, name + "_fields.tsv"), encoding="ascii") as lines:
        for line in lines:
            yield line.rstrip("\n").split("\t")


ECS = {field: kind for field, kind in rows("ecs")}
OCSF = {}
for of, attribute, kind, requirement, *values in rows("ocsf"):
    allowed = {int(value) for value in values[0].split(",")} if values else None
    OCSF.setdefault(of, {})[attribute] = (kind, requirement, allowed)


def leaves(document, path=""):
    """(dotted field, value) of everything that is no object."""
    for key, value in document.items():
        name = path + key
        if isinstance(value, dict) and ECS.get(name) != "object":
            yield from leaves(value, name + ".")
        else:
            yield name, value


def ecs_value_faults(event):
    """Words in it that ECS does not have, or not together."""
    for name, allowed in ECS_ALLOWED.items():
        given = event.get(name[len("event."):], [])
        for value in given if isinstance(given, list) else [given]:
            if value not in allowed:
                yield "%s: %s is not allowed" % (name, value)
    expected = set().union(*(ECS_TYPES.get(one, set()) for one in event["category"]))
    for what in set(event["type"]) - expected:
        yield "event.type: %s is no type of %s" % (what, event["category"])


def ecs_faults(document):
    """What is wrong with an ECS document, in words."""
    yield from ecs_value_faults(document["event"])
    for name, value in leaves(document):
        kind = ECS.get(name)
        if CUSTOM.match(name):
            continue
        if kind is None:
            yield "%s is no field" % name
        elif kind.endswith("[]"):
            if not isinstance(value, list) or not all(KINDS[kind[:-2]](one) for one in value):
                yield "%s: %r is no %s" % (name, value, kind)
        elif not KINDS[kind](value):
            yield "%s: %r is no %s" % (name, value, kind)


def value_faults(kind, value, place):
    """Of one attribute's value."""
    if kind.endswith("[]"):
        if not isinstance(value, list) or not value:
            yield "%s: %r is no list" % (place, value)
            return
        for one in value:
            yield from value_faults(kind[:-2], one, place)
    elif kind in KINDS:
        if not KINDS[kind](value):
            yield "%s: %r is no %s" % (place, value, kind)
    else:
        yield from object_faults(kind, value, place)


def object_faults(of, document, place):
    """Of one object and what is in it."""
    known = OCSF[of]
    for key, value in document.items():
        if key not in known:
            yield "%s.%s is no attribute" % (place, key)
            continue
        kind, _, allowed = known[key]
        yield from value_faults(kind, value, "%s.%s" % (place, key))
        if allowed and key not in ("class_uid", "category_uid") and value not in allowed:
            yield "%s.%s: %r is not in its list" % (place, key, value)
    for key, (_, requirement, _) in known.items():
        if requirement == "required" and key not in document:
            yield "%s.%s is missing" % (place, key)


def ocsf_faults(document):
    """What is wrong with an OCSF document, in words."""
    of = OCSF_CLASSES[document["class_uid"]]
    yield from object_faults(of, document, of)
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        yield "type_uid is not of the class and activity"
    if of == "file_activity" and not {"process", "user"} & set(document["actor"]):
        yield "an actor of nobody"
