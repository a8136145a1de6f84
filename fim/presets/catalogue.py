"""What of a host's own files matters to every preset: one row for each rule.

Paths are those of RHEL 7 to 9 and of Debian; what a host does not have is not watched there.
Tags name ATT&CK techniques, the topic of the CIS benchmarks and the PCI DSS requirement.
"""

import fnmatch
import os
from collections import namedtuple

from fim.policy import package_verified

__all__ = ["ROWS", "WATCHES", "declare", "of_editor"]

# expected: programs whose changes of these files are their purpose.
Row = namedtuple("Row", "name paths on severity tags expected text asks")
Row.__new__.__defaults__ = (None,)  # asks

ALL = {"new", "content", "gone", "name", "mode", "owner", "label"}
EDITORS = ("*.swp", "*.swpx", "*.swx", "4913", "*~")  # what editors leave beside a file for a moment
PASSWORD_TOOLS = {"/usr/sbin/" + name for name in (
    "useradd", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "chpasswd", "newusers",
    "pwconv", "grpconv", "vipw", "vigr", "adduser", "deluser", "chgpasswd")} | {
        "/usr/bin/" + name for name in ("passwd", "chage", "chfn", "chsh", "gpasswd")}
ROTATORS = {"/usr/sbin/logrotate", "/usr/bin/savelog", "/usr/lib/systemd/systemd-journald"}
SET_ID = 0o6000


def mode_of(text):
    """A mode as a number; None where it is not known."""
    return int(text, 8) if text else None


def gains_set_id(change):
    """Set-user-ID or set-group-ID where there was none."""
    after, before = mode_of(change.after("mode")), mode_of(change.before("mode"))
    if not after or not after & SET_ID or change.file.type == "directory":
        return None
    if change.effect == "content" and before is None:
        return None  # it had it before
    return after & SET_ID & ~(before or 0) != 0


def loses_lines(change):
    """A log that is gone, or shorter than it was; an empty or a new one cannot be."""
    if change.effect == "new":
        return False
    if change.effect == "content":
        return change.before("size") != 0
    if change.effect == "name":  # rotated by hand: it is still there
        return not str(change.path).startswith(change.old_path + ".")
    return True


def of_editor(path):
    """Whether it has a name as editors give."""
    name = os.path.basename(path or "")
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in EDITORS)


def came_and_went(change):
    """An editor's own file, gone as soon as it was made. One that stays may be anybody's: cron,
    sudo and PAM read a file of any such name."""
    return {"new", "gone"} <= change.effects and of_editor(change.path)


def set_back(change):
    """A file that says it is older than it was a moment ago."""
    before, after = change.before("mtime"), change.after("mtime")
    return change.effect == "times" and bool(before and after and after < before)


ROWS = (
    Row("password_database",
        ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/passwd-",
         "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/security/opasswd", "/etc/subuid",
         "/etc/subgid"), ALL, "high",
        ("attack:T1136.001", "attack:T1098", "cis:system-file-permissions", "pci-dss:11.5.2"),
        PASSWORD_TOOLS, "Users, groups or passwords changed by something that is not their tool."),
    Row("authentication",
        ("/etc/pam.d", "/etc/pam.conf", "/etc/security", "/etc/sudoers", "/etc/sudoers.d",
         "/etc/nsswitch.conf", "/etc/sssd", "/etc/krb5.conf", "/etc/login.defs",
         "/etc/polkit-1", "/usr/lib64/security", "/usr/lib/x86_64-linux-gnu/security",
         "/usr/lib/aarch64-linux-gnu/security", "/etc/securetty", "/etc/doas.conf"),
        ALL, "critical",
        ("attack:T1556.003", "attack:T1548.003", "cis:pam", "cis:sudo", "pci-dss:11.5.2"), (),
        "How users prove who they are, or what they may become, changed."),
    Row("ssh_access",
        ("/root/.ssh", "/home/*/.ssh", "/etc/ssh"), ALL, "high",
        ("attack:T1098.004", "cis:ssh-server", "pci-dss:11.5.2"),
        {"/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"},
        "Who may come in by SSH, or how, changed."),
    Row("scheduled_jobs",
        ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
         "/etc/cron.monthly", "/etc/anacrontab", "/etc/cron.allow", "/etc/cron.deny",
         "/etc/at.allow", "/etc/at.deny", "/var/spool/cron", "/var/spool/at"), ALL, "high",
        ("attack:T1053.003", "attack:T1053.002", "cis:cron", "pci-dss:11.5.2"), (),
        "What runs by the clock changed."),
    Row("services",
        ("/etc/systemd", "/usr/lib/systemd", "/etc/init.d", "/etc/rc.d", "/etc/rc.local",
         "/etc/inittab", "/etc/xinetd.d", "/etc/xdg/autostart", "/etc/dbus-1"), ALL, "high",
        ("attack:T1543.002", "attack:T1037.004", "cis:services", "pci-dss:11.5.2"), (),
        "What runs at boot or by systemd changed."),
    Row("loaded_code",
        ("/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d"), ALL, "critical",
        ("attack:T1574.006", "pci-dss:11.5.2"), (),
        "What every program loads changed."),
    Row("shell_profiles",
        ("/etc/profile", "/etc/profile.d", "/etc/bashrc", "/etc/bash.bashrc", "/etc/zsh",
         "/etc/csh.cshrc", "/etc/environment", "/root/.bashrc", "/root/.bash_profile",
         "/root/.profile", "/etc/update-motd.d"), ALL, "high",
        ("attack:T1546.004", "cis:shell", "pci-dss:11.5.2"), (),
        "What every shell runs changed."),
    Row("kernel_settings",
        ("/etc/modules", "/etc/modules-load.d", "/etc/modprobe.d", "/etc/sysctl.conf",
         "/etc/sysctl.d", "/etc/udev", "/etc/dracut.conf", "/etc/dracut.conf.d",
         "/etc/initramfs-tools", "/etc/default/grub", "/etc/selinux", "/etc/apparmor.d", "/boot",
         "/etc/fstab"), ALL, "high",
        ("attack:T1547.006", "attack:T1546.017", "cis:boot", "cis:kernel", "pci-dss:11.5.2"),
        (), "The kernel, what it loads or how it is set changed."),
    Row("auditing",
        ("/etc/audit", "/etc/rsyslog.conf", "/etc/rsyslog.d", "/etc/logrotate.conf",
         "/etc/logrotate.d", "/etc/aide.conf", "/etc/fim"), ALL, "critical",
        ("attack:T1562.001", "attack:T1562.012", "cis:audit", "cis:logging", "pci-dss:10.3.4"),
        (), "What is logged, and where to, changed."),
    Row("network_names",
        ("/etc/hosts", "/etc/resolv.conf", "/etc/hosts.allow", "/etc/hosts.deny"), ALL, "medium",
        ("attack:T1565.001", "cis:network", "pci-dss:11.5.2"),
        {"/usr/sbin/NetworkManager", "/usr/sbin/dhclient", "/usr/lib/systemd/systemd-resolved"},
        "Which host a name leads to changed."),
    Row("logs_cut", ("/var/log",), {"content", "gone", "name"}, "high",
        ("attack:T1070.002", "cis:logging", "pci-dss:10.3.4"), ROTATORS,
        "A log was cut or removed.", loses_lines),
    Row("set_user_id", ("/usr/bin", "/usr/sbin", "/usr/local", "/usr/libexec", "/opt", "/etc"),
        {"new", "mode", "owner", "content"}, "critical",
        ("attack:T1548.001", "cis:system-file-permissions", "pci-dss:11.5.2"), (),
        "A program runs as its owner now.", gains_set_id),
    Row("times_set_back", ("/etc", "/usr/bin", "/usr/sbin", "/usr/local", "/boot"), {"times"},
        "medium", ("attack:T1070.006", "pci-dss:11.5.2"),
        {"/usr/bin/dpkg", "/usr/bin/rpm", "/usr/bin/tar"} | PASSWORD_TOOLS,
        "A file was made to look older than it was.", set_back),
    Row("mounted_over", (), {"mount", "device"}, "critical",
        ("attack:T1564", "pci-dss:11.5.2"), (),
        "Something was mounted where files are watched, or their disk was opened for writing."),
    Row("binaries", ("/usr/bin", "/usr/sbin", "/usr/local", "/usr/libexec", "/bin", "/sbin"),
        ALL, "high", ("attack:T1554", "pci-dss:11.5.2"), (),
        "A program was changed, added or removed."),
)

# The subtree to watch for paths of the rows, and how; a path in none of them is its own.
WATCHES = (
    ("/etc", {"content": "sha256"}),
    ("/var/log", {"growing": True}),
    ("/var/spool/cron", {"content": "sha256"}),
)


def answer(row):
    """The function of a row's rule."""
    def ask(change):
        if change.process.exe in row.expected or (row.asks and not row.asks(change)):
            return None
        who = "{0.user} used {0.exe}".format(change.process) if change.process.exe else "unseen"
        return "%s %s: %s of %s" % (row.text, who, change.effect, change.path)
    ask.__name__, ask.__doc__ = row.name, row.text
    return ask


def watch(policy, path):
    """The watch, or the part of one, for a path."""
    for top, options in WATCHES:
        if path == top or path.startswith(top + "/"):
            there = [item for item in policy.watches if item.path == top]
            tree = there[0] if there else policy.watch(top, **options)
            return tree / path[len(top):] if path != top else tree
    there = [item for item in policy.watches if item.path == path]
    return there[0] if there else policy.watch(path, content="sha256")


def declare(policy, names, prefixes):
    """Rows by name, with the tags that begin so; package updates are judged by evidence."""
    rows = [row for row in ROWS if row.name in names]
    for row in rows:
        selections = [watch(policy, path) for path in row.paths]
        tags = [tag for tag in row.tags if tag.startswith(prefixes)]
        policy.rule(*selections, on=row.on, severity=row.severity, tags=tags, once_per="10m",
                    name=row.name)(answer(row))
    policy.quiet(when=package_verified)
    policy.quiet(when=came_and_went)
