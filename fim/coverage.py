"""What this kernel shows: per operation and file system type, by which hook, and why not."""

from fim import hooks

__all__ = ["coverage", "headline", "not_seen"]

COVERED, ASSUMED, NOT_SEEN, DEGRADED = "covered", "assumed", "not_seen", "degraded"
CANARY_TYPE = "tmpfs"  # of /run, where the canary sings
STACKED = {"overlay": "known by the merged inode, whose number can change, or collide without xino=on"}
ELSEWHERE = "the canary ran on %s only" % CANARY_TYPE

# In the contract, and not built yet.
LATER = ("truncate", "chmod", "chown", "utimes", "setxattr", "removexattr", "setflags",
         "mmap")


def coverage(attachment, seen, types):
    """{operation: {type: {"state", "hook", "why"}}} for the watched file system types."""
    missing = hooks.uncovered(attachment.hooks)
    missing.update({operation: why for operation, why in failures(attachment).items()
                    if operation in missing})
    rows = {operation: {kind: row(operation, kind, attachment, seen, missing) for kind in types}
            for operation in hooks.OPERATIONS}
    later = {"state": NOT_SEEN, "hook": None, "why": "not built yet"}
    rows.update({operation: {kind: dict(later) for kind in types} for operation in LATER})
    return rows


def failures(attachment):
    """{operation: why} of the hooks that could not be attached."""
    return {hook.operation: "%s: %s" % (hook.function, why)
            for hook in hooks.HOOKS
            for key, why in attachment.failed.items() if key == (hook.function, hook.program)}


def functions(attachment, operation):
    """The kernel functions that answer `operation`."""
    return ", ".join(hook.function for hook in attachment.hooks if hook.operation == operation)


def row(operation, kind, attachment, seen, missing):
    """One operation on one file system type."""
    names = functions(attachment, operation) or None
    if operation in missing:
        return {"state": NOT_SEEN, "hook": names, "why": missing[operation]}
    if operation not in seen:
        return {"state": NOT_SEEN, "hook": names, "why": "attached, but silent on the canary"}
    if kind in STACKED:
        return {"state": DEGRADED, "hook": names, "why": STACKED[kind]}
    if kind != CANARY_TYPE:
        return {"state": ASSUMED, "hook": names, "why": ELSEWHERE}
    return {"state": COVERED, "hook": names, "why": None}


def not_seen(rows):
    """{operation: why} of what fim should see and does not."""
    return {operation: next(iter(kinds.values()))["why"] for operation, kinds in rows.items()
            if operation not in LATER and kinds
            and all(cell["state"] == NOT_SEEN for cell in kinds.values())}


def headline(rows):
    """One line for people."""
    silent = not_seen(rows)
    if silent:
        return "NOT SEEN: " + "; ".join("%s (%s)" % pair for pair in sorted(silent.items()))
    return "%d operations proven by the canary" % len(hooks.OPERATIONS)
