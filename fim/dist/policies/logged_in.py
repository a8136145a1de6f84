"""Who logged in stays known through su and sudo: changes of /etc by people, by their name."""

from fim.policy import Policy

policy = Policy("logged_in", labels={"team": "platform"})
etc = policy.watch("/etc", exclude=["*.swp", "*~"])


@policy.rule(etc, on={"new", "content", "gone"}, severity="low", once_per="1h")
def changed_by_a_person(change):
    """Somebody who is logged in changed the configuration."""
    if change.process.auid is not None:
        return "%s, logged in as %s, changed %s" % (
            change.process.user, change.process.login_user or change.process.auid, change.path)
