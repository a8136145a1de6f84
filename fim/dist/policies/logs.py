"""Logs may grow. What cuts, replaces or removes one is told; its rotation is not."""

from fim.policy import Policy

policy = Policy("logs")
logs = policy.watch("/var/log", growing=True)
policy.withhold(logs, uid=48, ops={"utimes"})  # counted, and a chosen blind spot


def rotated(change):
    """By the tool, or to the name beside it that a rotation gives."""
    return (change.process.exe == "/usr/sbin/logrotate"
            or (change.effect == "name" and change.path.startswith(change.old_path + ".")))


policy.quiet(logs, when=rotated)


@policy.rule(logs, on={"content"}, severity="high", tags=["attack:T1070.002"])
def log_cut(change):
    """A log is shorter than it was, or another file."""
    return True


@policy.rule(logs, on={"gone", "name"}, severity="high", tags=["attack:T1070.002"])
def log_gone(change):
    """A log is not there any more."""
    return True
