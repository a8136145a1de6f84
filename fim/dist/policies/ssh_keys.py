"""Who may log in: every change of the keys and of the server's settings, with who was logged in."""

from fim.policy import Policy

policy = Policy("ssh_keys")
keys = [policy.watch(path) for path in ("/root/.ssh", "/home/*/.ssh", "/etc/ssh")]


@policy.rule(*keys, on={"new", "content", "mode", "owner"}, severity="high",
             tags=["attack:T1098.004"])
def keys_changed(change):
    """SSH keys or settings changed."""
    login = change.process.login_user or "nobody logged in"
    return "%s (%s): %s of %s" % (change.process.user, login, change.effect, change.path)
