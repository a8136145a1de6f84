"""The password database is changed by its tools alone; what they do is journaled."""

from fim.policy import Policy

TOOLS = {"/usr/bin/passwd", "/usr/bin/chage", "/usr/sbin/useradd", "/usr/sbin/usermod",
         "/usr/sbin/userdel", "/usr/sbin/chpasswd", "/usr/sbin/vipw"}

policy = Policy("passwords")
etc = policy.watch("/etc", exclude=["*.swp"], content="sha256")


@policy.rule(etc / "passwd", etc / "shadow", etc / "group", etc / "gshadow",
             on={"content", "mode", "owner", "name", "gone"}, severity="high",
             tags=["pci-dss:11.5.2"], once_per="10m")
def password_database(change):
    """Password database changed by something that is not a password tool."""
    if change.process.exe not in TOOLS:
        return "{0.process.user} used {0.process.exe} on {0.path}".format(change)
