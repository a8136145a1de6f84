"""Ways around the files themselves: something mounted over them, their disk opened for writing."""

from fim.policy import Policy

policy = Policy("shadowed")
trees = [policy.watch(path) for path in ("/etc", "/usr/sbin", "/root")]


@policy.rule(*trees, on={"mount"}, severity="critical")
def mounted_over(change):
    """Something was mounted where files are watched."""
    return change.op == "mount"


@policy.on_event(*trees, ops={"open"}, severity="critical")
def disk_opened(record):
    """The disk below watched files was opened for writing."""
    return "{0.process.exe} opened {0.path}, which holds {0.holds}".format(record)
