"""What this kernel shows: per operation and file system type, by which hook, and why not."""

from fim import hooks

__all__ = ["complaints", "coverage", "headline", "lines_of", "not_seen", "table"]

COVERED, ASSUMED, NOT_SEEN, DEGRADED = "covered", "assumed", "not_seen", "degraded"
# What must be attached beside an operation's own functions.
STACKED = {"overlay": ("security_inode_copy_up", "a lower file is not followed when it is copied up")}
SILENT = "attached, but silent on the canary"


def coverage(attachment, canary, types, silent):
    """{operation: {type: {"state", "hook", "why"}}} for the watched file system types; `silent`
    {type: operations} are those that were heard there at the start and are not any more: at home,
    nowhere."""
    missing = hooks.uncovered(attachment.hooks)
    missing.update({operation: why for operation, why in failures(attachment).items()
                    if operation in missing})
    missing.update(dict.fromkeys(silent.get(canary.kind, ()), SILENT))
    dark = {kind: dict(missing, **dict.fromkeys(silent.get(kind, ()), SILENT)) for kind in types}
    return {operation: {kind: row(operation, kind, attachment, canary, dark[kind])
                        for kind in types} for operation in hooks.OPERATIONS}


def failures(attachment):
    """{operation: why} of the hooks that could not be attached."""
    return {hook.operation: "%s: %s" % (hook.function, why)
            for hook in hooks.HOOKS
            for key, why in attachment.failed.items() if key == (hook.function, hook.program)}


def functions(attachment, operation):
    """The kernel functions that answer `operation`."""
    return ", ".join(hook.function for hook in attachment.hooks if hook.operation == operation)


def row(operation, kind, attachment, canary, missing):
    """One operation on one file system type."""
    state, why = ((NOT_SEEN, missing[operation]) if operation in missing
                  else judged(operation, kind, canary))
    function, lacking = STACKED.get(kind, (None, None))
    attached = {hook.function for hook in attachment.hooks}
    if state in (COVERED, ASSUMED) and function and function not in attached:
        state, why = DEGRADED, lacking
    return {"state": state, "hook": functions(attachment, operation) or None, "why": why}


def judged(operation, kind, canary):
    """(state, why) by what the canary heard there, or else where it sang at all."""
    song = canary.songs.get(kind) or canary.songs.get(canary.kind)
    if song is None:
        return ASSUMED, canary.absent.get(kind) or canary.absent.get(canary.kind)
    if operation in song.refused:
        return ASSUMED, "the canary's %s has none: %s" % (
            kind if kind in canary.songs else canary.kind, song.refused[operation])
    if operation in song.wrong:
        return DEGRADED, song.wrong[operation]
    if operation not in song.heard:
        return NOT_SEEN, SILENT
    if kind not in canary.songs:
        return ASSUMED, canary.absent.get(kind, "the canary sang on %s only" % canary.kind)
    return COVERED, None


def not_seen(rows):
    """{operation: why} of what fim should see and does not."""
    return {operation: next(iter(kinds.values()))["why"] for operation, kinds in rows.items()
            if kinds and all(cell["state"] == NOT_SEEN for cell in kinds.values())}


def complaints(rows):
    """Lines for whoever starts it: what is not seen, or not as it should be, where, and why."""
    found = {}
    for operation, cells in rows.items():
        for state in (NOT_SEEN, DEGRADED):
            kinds = tuple(sorted(kind for kind in cells if cells[kind]["state"] == state))
            if kinds:
                key = state, kinds, cells[kinds[0]]["why"]
                found.setdefault(key, []).append(operation)
    return ["%s on %s: %s: %s" % (state.replace("_", " "), ", ".join(kinds), ", ".join(operations),
                                  why)
            for (state, kinds, why), operations in found.items()]


def headline(rows):
    """One line for people."""
    silent = not_seen(rows)
    if silent:
        return "NOT SEEN: " + "; ".join("%s (%s)" % pair for pair in sorted(silent.items()))
    states = {operation: {cell["state"] for cell in kinds.values()}
              for operation, kinds in rows.items()}
    proven = [operation for operation in states if COVERED in states[operation]]
    others = ["%s: %s" % (state, ", ".join(sorted(
        operation for operation in states if state in states[operation])))
              for state in (DEGRADED, ASSUMED, NOT_SEEN)
              if any(state in found for found in states.values())]
    return "; ".join(["%d operations proven by the canary" % len(proven)] + others)


def table(rows):
    """The lines of a table for people: operation by file system type."""
    return lines_of("operation", {operation: {kind: cell["state"] for kind, cell in cells.items()}
                                  for operation, cells in rows.items()})


def lines_of(what, rows):
    """{row: {type of file system: words}} as lines."""
    kinds = sorted({kind for cells in rows.values() for kind in cells})
    lines = [[what] + kinds] + [[name] + [cells.get(kind, "") for kind in kinds]
                                for name, cells in rows.items()]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
