# SPDX-License-Identifier: GPL-2.0-only
"""Records that have every member that the schema allows, each with a value of its own: what a
mapping does not know of one, or drops, it cannot hide here."""
import itertools
import json
import os

from core_build import ROOT

with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
    DEFINITIONS = json.load(file)["definitions"]
# pattern of the schema: a value of it, by a number
BY_PATTERN = {
    r"^/": "/srv/www/name-%d.php",
    r"^E[A-Z0-9]+$": "E%d",
    r"^[0-7]{4}$": "%04o",
    r"^[0-9]+:[0-9]+$": "8:%d",
    r"^(0|[1-9][0-9]*)$": "%d",
    r"^[1-9][0-9]*$": "%d",
    r"^[0-9a-f]{16,}$": "%032x",
    r"^[0-9a-f]{32}$": "%032x",
    r"^[0-9a-f]{64}$": "%064x",
    r"^([0-9a-f]{2}){16,64}$": "%064x",
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": "9ab7f7ee-e630-4206-b772-%012x",
    r"^(stop|kill|copy|notify|run:[a-z0-9_-]+)$": "run:a%d",
    r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$": "%08d",
    DEFINITIONS["time"]["pattern"]: "2026-11-23T04:54:31.%09dZ",
}


def referred(reference):
    """What a $ref means."""
    found = DEFINITIONS
    for name in reference.split("/")[2:]:
        found = found[name]
    return found


class Maker:
    """Makes values of schemas; no two are the same number or text."""

    def __init__(self):
        self.numbers = itertools.count(1001)

    def one(self, schema, key=""):
        """A value that says something."""
        if "$ref" in schema:
            return self.one(referred(schema["$ref"]), key)
        if "const" in schema or "enum" in schema:
            return schema.get("const") or schema["enum"][0]
        if "anyOf" in schema:
            return self.one(schema["anyOf"][schema["anyOf"][0] == {"type": "null"}], key)
        kinds = schema.get("type", "string")
        kind = kinds if isinstance(kinds, str) else next(one for one in kinds if one != "null")
        return getattr(self, kind)(schema, key)

    def object(self, schema, _key):
        found = {name: self.one(member, name)
                 for name, member in schema.get("properties", {}).items()}
        more = schema.get("additionalProperties")
        return dict(found, **({"x%d" % next(self.numbers): self.one(more)} if more else {}))

    def array(self, schema, key):
        return [self.one(schema["items"], key)]

    def string(self, schema, key):
        plain = "/srv/www/%s-%%d.php" % key if "path" in key or key == "exe" else key + "-%d"
        return BY_PATTERN[schema["pattern"]] % next(self.numbers) if "pattern" in schema else (
            plain % next(self.numbers))

    def integer(self, _schema, _key):
        return next(self.numbers)

    def number(self, _schema, _key):
        return next(self.numbers) + 0.5

    def boolean(self, _schema, _key):
        return True


def whole(kind):
    """A record of this kind with everything in it."""
    return Maker().one(DEFINITIONS[kind])


KINDS = sorted(name for name, what in DEFINITIONS.items() if "kind" in what.get("properties", ()))
OPERATIONS = DEFINITIONS["event"]["properties"]["op"]["enum"]


def records():
    """One of every operation, and of every other kind that is sent somewhere."""
    for op in OPERATIONS:
        event = dict(whole("event"), op=op)
        event["process"]["parent"]["pid"] = event["process"]["ppid"]
        yield event
    for kind in KINDS:
        if kind != "event" and "host" in DEFINITIONS[kind]["properties"]:
            yield dict(whole(kind), **({part: event[part] for part in ("file", "process")}
                                       if kind == "alert" else {}))


def values(record):
    """Its numbers and texts, which are all different."""
    for value in record.values() if isinstance(record, dict) else record:
        if isinstance(value, (dict, list)):
            yield from values(value)
        elif not isinstance(value, bool):
            yield str(value)
