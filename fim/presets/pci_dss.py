"""PCI DSS 4.0: 11.5.2, a change-detection mechanism on critical files; 10.3.4, on logs."""

from fim.policy import Policy, package_verified
from fim.presets.catalogue import PASSWORD_TOOLS, ROWS, declare, of_editor

__all__ = ["package_verified", "policy"]

policy = Policy("pci_dss")
declare(policy, {row.name for row in ROWS}, ("pci-dss:", "attack:"))
specific = [selection for rule in policy.rules for selection in rule.selections
            if selection.path != "/etc"]

# What the system itself writes as a matter of course, by the program that does.
OWN = {"/etc/ld.so.cache": "/usr/sbin/ldconfig", "/etc/ld.so.cache~": "/usr/sbin/ldconfig",
       "/etc/mtab": "/usr/bin/mount", "/etc/adjtime": "/usr/sbin/hwclock",
       "/etc/aliases.db": "/usr/sbin/postmap", "/etc/.updated": "/usr/lib/systemd/systemd-update-done"}
# What the password tools make beside the files while they change them.
BESIDE = ("/etc/.pwd.lock",) + tuple(
    "/etc/" + name for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))


@policy.rule(next(watch for watch in policy.watches if watch.path == "/etc"), severity="medium",
             on={"new", "content", "gone", "name", "mode", "owner", "label"},
             tags=["pci-dss:11.5.2"], once_per="10m")
def system_configuration(change):
    """Other configuration of the system changed."""
    exe = change.process.exe
    if OWN.get(change.path, "") == exe or change.file.type == "directory" or of_editor(change.path):
        return None
    if exe in PASSWORD_TOOLS and change.path.startswith(BESIDE):
        return None
    if any(selection.takes(change.path) for selection in specific):
        return None  # a rule of its own
    return "%s of %s by %s" % (change.effect, change.path, change.process.exe)
