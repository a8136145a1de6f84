"""The approved side as JSON lines: out of one database, into another."""

import base64
import binascii
import json

from fim.errors import UsageError
from fim.baseline import Scope
from fim.facts import members
from fim.stream import path_members

__all__ = ["baseline_members", "give", "take"]


def baseline_members(database):
    """The members of the `baseline` record."""
    scope = database.scope()
    return {"scope": json.loads(scope), "digest": database.get("digest"),
            "entries": database.count()}


def entry_members(path, facts):
    """The members of an `approved` record: for people, and packed, for take()."""
    record = {"file": members(facts), "facts": base64.b64encode(facts).decode("ascii"),
              "name": base64.b64encode(path).decode("ascii")}
    record.update(path_members("path", path))
    return record


def give(database, stream, paths=()):
    """Everything, headed by a `baseline` record; or the paths alone."""
    if paths:
        for path in paths:
            facts = database.facts(path)
            if facts is None:
                raise UsageError("fim: %s: nothing is approved there" % path.decode(
                    "utf-8", "surrogateescape"))
            stream.emit("approved", entry_members(path, facts))
        return
    database.sealed()
    stream.emit("baseline", baseline_members(database))
    for path, facts in database.approved():
        stream.emit("approved", entry_members(path, facts))


def entry_of(record):
    """(path, facts) of an `approved` record; what people read in it must say the same."""
    path, facts = base64.b64decode(record["name"]), base64.b64decode(record["facts"])
    expected = entry_members(path, facts)
    if any(record.get(key) != value for key, value in expected.items()):
        raise ValueError("what it shows and what it packs differ")
    return path, facts


def take(database, lines, name, replace=False):
    """Approve what give() wrote, if it is whole and unaltered; the seal."""
    try:
        head = json.loads(next(lines).decode("utf-8"))
        scope = json.dumps(head["scope"], sort_keys=True)
        Scope.of_text(scope)
        records = (json.loads(line.decode("utf-8")) for line in lines)
        with database.changing():
            if database.get("scope") is not None and not replace:
                raise UsageError("fim: %s: there is a baseline already: --replace" % database.path)
            seal = database.replace(scope, ([entry_of(record)] for record in records))
            if seal.hexdigest() != head["digest"] or seal.count != head["entries"]:
                raise ValueError("its digest is not that of its entries")
    except (StopIteration, KeyError, TypeError, AttributeError, ValueError,
            binascii.Error) as error:
        raise UsageError("fim: %s: not a whole baseline: %s" % (name, error))
    return seal
