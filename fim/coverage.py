"""What this kernel shows: per operation and file system type, by which hook, and why not."""

from fim import hooks

__all__ = ["coverage", "headline", "not_seen"]

COVERED, ASSUMED, NOT_SEEN, DEGRADED = "covered", "assumed", "not_seen", "degraded"
CANARY_TYPE = "tmpfs"  # of /run, where the canary sings
# What must be attached beside an operation's own functions.
STACKED = {"overlay": ("security_inode_copy_up", "a lower file is not followed when it is copied up")}
ELSEWHERE = "the canary ran on %s only" % CANARY_TYPE


def coverage(attachment, canary, types):
    """{operation: {type: {"state", "hook", "why"}}} for the watched file system types."""
    missing = hooks.uncovered(attachment.hooks)
    missing.update({operation: why for operation, why in failures(attachment).items()
                    if operation in missing})
    return {operation: {kind: row(operation, kind, attachment, canary, missing) for kind in types}
            for operation in hooks.OPERATIONS}


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
    names = functions(attachment, operation) or None
    if operation in missing:
        return {"state": NOT_SEEN, "hook": names, "why": missing[operation]}
    if operation in canary.refused:
        why = "the canary's %s has none: %s" % (CANARY_TYPE, canary.refused[operation])
        return {"state": ASSUMED, "hook": names, "why": why}
    if operation not in canary.seen:
        return {"state": NOT_SEEN, "hook": names, "why": "attached, but silent on the canary"}
    function, why = STACKED.get(kind, (None, None))
    if function and function not in {hook.function for hook in attachment.hooks}:
        return {"state": DEGRADED, "hook": names, "why": why}
    if kind != CANARY_TYPE:
        return {"state": ASSUMED, "hook": names, "why": ELSEWHERE}
    return {"state": COVERED, "hook": names, "why": None}


def not_seen(rows):
    """{operation: why} of what fim should see and does not."""
    return {operation: next(iter(kinds.values()))["why"] for operation, kinds in rows.items()
            if kinds and all(cell["state"] == NOT_SEEN for cell in kinds.values())}


def headline(rows, canary):
    """One line for people."""
    silent = not_seen(rows)
    if silent:
        return "NOT SEEN: " + "; ".join("%s (%s)" % pair for pair in sorted(silent.items()))
    proven = "%d operations proven by the canary" % len(canary.seen)
    assumed = ", ".join(sorted(canary.refused))
    return proven + (", assumed: " + assumed if assumed else "")
