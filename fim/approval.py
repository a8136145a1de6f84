"""What a check showed becomes what is approved: exactly that, and only while it is still so."""

import os

from fim import texts
from fim.baseline import ACCEPTABLE, Scope, absolute, examined, now_text
from fim.errors import UsageError
from fim.findings import is_below

__all__ = ["accept"]


def chosen(rows, paths):
    """The findings at or below the paths named; all, when none are. UsageError: no such."""
    rows = [row for row in rows if row[1] in ACCEPTABLE]
    wanted = [absolute(path) for path in paths]
    for path in wanted:
        if not any(is_below(row[0], path) for row in rows):
            raise UsageError("fim: %s: that check showed nothing there that can be accepted"
                             % os.fsdecode(path))
    return [row for row in rows
            if not wanted or any(is_below(row[0], path) for path in wanted)]


def explained(rows, accepted):
    """The directories whose change the accepted explain."""
    parents = {os.path.dirname(path) for row in accepted for path in (row[0], row[2]) if path}
    return [row for row in rows if row[1] == "explained" and row[0] in parents]


def still_so(database, row, algorithm):
    """Whether both what was approved and what is there are as the check showed."""
    path, state, old_path, before, after = row
    approved_at = old_path if state == "moved" and before else path
    return (database.facts(approved_at) == before
            and (old_path is None or state != "moved" or not before
                 or examined(old_path, algorithm) is None)
            and examined(path, algorithm) == after)


def put(database, scope, path, facts):
    """These are the approved facts of a path now; None: it is not there."""
    database.approve(path, facts)
    texts.keep(database, scope, path, facts)


def approve(database, rows, scope):
    """Approve what is still as shown: (accepted, moved on)."""
    accepted, moved_on = [], []
    for row in rows:
        if not still_so(database, row, scope.algorithm):
            moved_on.append(row)
            continue
        path, state, old_path, before, after = row
        if state == "moved" and before:
            put(database, scope, old_path, None)
        put(database, scope, path, after)
        accepted.append(row)
    return accepted, moved_on


def accept(database, number, paths, by, reason):
    """Approve exactly what check `number` showed, at `paths` or all of it: (record, moved on).
    What is not any more as it was shown is left."""
    with database.changing():
        database.sealed()
        scope = Scope.of_text(database.scope())
        if database.check(number) is None:
            raise UsageError("fim: %d: no such check: fim check gives the number" % number)
        rows = database.findings(number)
        accepted, moved_on = approve(database, chosen(rows, paths), scope)
        approve(database, explained(rows, accepted), scope)
        record = {"check": str(number), "by": by, "reason": reason,
                  "paths": [row[0] for row in accepted],
                  "baseline_digest": database.seal().hexdigest()}
        if accepted:
            kept = dict(record, time=now_text(),
                        paths=[row[0].decode("utf-8", "surrogateescape") for row in accepted])
            database.add_accept(kept)
    return record, moved_on
