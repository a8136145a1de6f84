"""What belongs to the host is not changed from a container."""

from fim.policy import Policy

policy = Policy("from_containers")
trees = [policy.watch(path) for path in ("/etc", "/root", "/srv")]


@policy.rule(*trees, severity="critical", tags=["attack:T1611"])
def from_a_container(change):
    """A process in a container changed a file of the host."""
    if change.process.container:
        return "container %s changed %s" % (change.process.container[:12], change.path)
