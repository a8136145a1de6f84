"""One process that writes to many files in a minute: what encrypts for ransom does."""

from fim.policy import Policy, Window

MANY = 50

policy = Policy("mass_change")
data = policy.watch("/srv")
written = Window("1m")


@policy.rule(data, on={"content", "name", "gone"}, severity="critical", once_per="1h",
             tags=["attack:T1486"])
def many_files(change):
    """One process changed very many files."""
    if written.add(change.process.entity_id or change.process.pid, change.time_ns) == MANY:
        return "%s changed %d files within a minute" % (change.process.exe, MANY)
