# SPDX-License-Identifier: GPL-2.0-only
"""Attacks on a host's own files, and a day on which nobody attacks it; ways to reach the files.

They change /etc and more: for the virtual machine, whose root is thrown away. `prepare` puts what
they touch on a real file system first. As a program: records the streams of tests/unit/streams
    attacks.py DIRECTORY     (in the guest, with an ext4 disk: `make streams`)

Those with a number are of Red Canary's Atomic Red Team (its atomics of that technique, with its
own commands where no network and no user's home is needed).
"""
import collections
import gzip
import json
import os
import socket
import subprocess
import sys

import packaged
from watcher import Watcher

# command: $R is the root it is done in, $D the disk there that all of it lies on (a name cannot
# go from one mount to another), $T a directory that nobody watches.
Attack = collections.namedtuple("Attack", "command technique rule path")

ATTACKS = {
    "user": Attack('echo "art:x:0:0::/root:/bin/bash" >> $R/etc/passwd',
                   "T1136.001", "password_database", "/etc/passwd"),
    "shadow": Attack('sed -i "s/^daemon:[^:]*/daemon:/" $R/etc/shadow', None,
                     "password_database", "/etc/shadow"),
    "cron.d": Attack('echo "* * * * * root /tmp/evil.sh" > $R/etc/cron.d/persistevil',
                     "T1053.003", "scheduled_jobs", "/etc/cron.d/persistevil"),
    "cron.daily": Attack('echo "echo art" > $R/etc/cron.daily/persistevil && '
                         'chmod 755 $R/etc/cron.daily/persistevil',
                         "T1053.003", "scheduled_jobs", "/etc/cron.daily/persistevil"),
    "unit": Attack('printf "[Service]\\nExecStart=/bin/touch /tmp/art\\n" > '
                   '$R/etc/systemd/system/art.service', "T1543.002", "services",
                   "/etc/systemd/system/art.service"),
    "unit enabled": Attack('mkdir -p $R/etc/systemd/system/art.target.wants && ln -s ../art.service '
                           '$R/etc/systemd/system/art.target.wants/art.service', "T1543.002",
                           "services", "/etc/systemd/system/art.target.wants/art.service"),
    "ssh key": Attack('echo "ssh-ed25519 AAAA art" >> $R/root/.ssh/authorized_keys', "T1098.004",
                      "ssh_access", "/root/.ssh/authorized_keys"),
    "pam": Attack('sed -i "1s,^,auth sufficient pam_succeed_if.so uid >= 0\\n," $R/etc/pam.d/su',
                  "T1556.003", "authentication", "/etc/pam.d/su"),
    "preload": Attack("echo /tmp/T1574006.so > $R/etc/ld.so.preload", "T1574.006",
                      "loaded_code", "/etc/ld.so.preload"),
    "library": Attack("cp -p /etc/hostname $D/policy-lib && "
                      "mv $D/policy-lib $D/policy/etc/ld.so.conf.d/art.conf", None,
                      "loaded_code", "/etc/ld.so.conf.d/art.conf"),
    "setuid": Attack("cp /bin/true $R/usr/local/bin/art && chmod u+s $R/usr/local/bin/art",
                     "T1548.001", "set_user_id", "/usr/local/bin/art"),
    "sudoers": Attack('echo "ALL ALL=(ALL) NOPASSWD: ALL" > $R/etc/sudoers.d/art', "T1548.003",
                      "authentication", "/etc/sudoers.d/art"),
    "log cut": Attack("truncate -s 0 $R/var/log/auth.log", "T1070.002", "logs_cut",
                      "/var/log/auth.log"),
    "log gone": Attack("rm -f $R/var/log/syslog", "T1070.002", "logs_cut", "/var/log/syslog"),
    "profile": Attack('echo "echo art" >> $R/etc/profile', "T1546.004", "shell_profiles",
                      "/etc/profile"),
    "binary": Attack("cp /bin/true $R/usr/sbin/.x && mv $R/usr/sbin/.x $R/usr/sbin/nologin", None,
                     "binaries", "/usr/sbin/nologin"),
    "module": Attack("echo art > $R/etc/modules-load.d/art.conf", "T1547.006", "kernel_settings",
                     "/etc/modules-load.d/art.conf"),
    "hosts": Attack('echo "10.0.0.66 intranet" >> $R/etc/hosts', None, "network_names",
                    "/etc/hosts"),
    "open to all": Attack("chmod 777 $R/etc/shadow", "T1222.002", "password_database",
                          "/etc/shadow"),
    "immutable": Attack("chattr +i $R/etc/ld.so.preload; chattr -i $R/etc/ld.so.preload",
                        "T1222.002", "loaded_code", "/etc/ld.so.preload"),
    "owner": Attack("chown daemon $R/etc/crontab", "T1222.002", "scheduled_jobs",
                    "/etc/crontab"),
    "timestomp": Attack("touch -d '1970-01-01 00:00:00' $R/usr/sbin/chroot", "T1070.006",
                        "times_set_back", "/usr/sbin/chroot"),
    "audit rules": Attack("rm -f $R/etc/rsyslog.conf", "T1562.001", "auditing",
                          "/etc/rsyslog.conf"),
    "mounted over": Attack("mount --bind $T $R/etc/pam.d && umount $R/etc/pam.d", None,
                           "mounted_over", "/etc/pam.d"),
    "in place": Attack("printf art >> $R/usr/bin/site/tool", None, "binaries",
                       "/usr/bin/site/tool"),
    "tool setuid": Attack("chmod u+s $R/usr/bin/site/tool", "T1548.001", "set_user_id",
                          "/usr/bin/site/tool"),
    "link out": Attack("ln $D/policy/etc/gshadow $D/policy-links/art", None, "password_database",
                       "/etc/gshadow"),
}

# What is done to a file of that name by another: a hard link is no directory's.
LINKED = {
    "user": ("/etc/passwd", 'echo "art:x:0:0::/root:/bin/bash" >> "$L"'),
    "profile": ("/etc/profile", 'echo "echo art" >> "$L"'),
    "ssh key": ("/root/.ssh/authorized_keys", 'echo "ssh-ed25519 AAAA art" >> "$L"'),
    "log cut": ("/var/log/auth.log", 'truncate -s 0 "$L"'),
    "hosts": ("/etc/hosts", 'echo "10.0.0.66 intranet" >> "$L"'),
    "open to all": ("/etc/shadow", 'chmod 777 "$L"'),
    "owner": ("/etc/crontab", 'chown daemon "$L"'),
    "pam": ("/etc/pam.d/su", 'echo "auth sufficient pam_succeed_if.so uid >= 0" >> "$L"'),
    "timestomp": ("/usr/sbin/chroot", 'touch -d "1970-01-01 00:00:00" "$L"'),
    "tool setuid": ("/usr/bin/site/tool", 'chmod u+s "$L"'),
}

DISK = "/mnt/ext4"
# All of /usr/bin would be gigabytes here: a part of it, with a program of the site's.
PLACES = ("/etc", "/usr/sbin", "/usr/bin/site", "/var/log", "/var/spool/cron", "/root/.ssh", "/srv",
          "/usr/local", "/opt")
EMPTY = ("/usr/local", "/opt")  # may be gigabytes
LINKS = DISK + "/policy-links"
MARKS = DISK + "/policy-marks"
OTHER = "/run/fim-policy"  # this root by another name
ALL = "mkdir -p %s && mount --rbind / %s && mount --make-rslave %s" % (OTHER, OTHER, OTHER)
CONTAINED = ("unshare -m sh -ec 'mkdir -p {0}; mount --rbind / {0}; mkdir -p {0}/run/old; cd {0}; "
             "pivot_root . run/old; exec sh -ec \"$0\"' \"$0\"").format("/run/fim-contained")

WAYS = {
    "directly": (["sh", "-ec"], ""),
    "bind mount": (["sh", "-ec"], OTHER),
    "chroot": (["chroot", OTHER, "sh", "-ec"], ""),
    "container": (["sh", "-ec", CONTAINED], ""),
}

INDIRECT = ("bind mount", "chroot", "container")
# A mount covers the file in the place where it is mounted alone.
ONLY_DIRECTLY = {"mounted over"}

# What cron runs by itself within a minute: the host's daily jobs.
JOB = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
       "* * * * * root run-parts --regex '^(dpkg|logrotate|man-db)$' /etc/cron.daily "
       ">> /var/log/jobs.log 2>&1; touch /tmp/fim-job\n")
CRON = ("cron; for n in $(seq 900); do [ ! -e /tmp/fim-job ] || break; sleep 1; done; "
        "kill $(cat /run/crond.pid); [ -e /tmp/fim-job ]")
DAY = (
    "useradd -M nightowl", "usermod -c owl nightowl", "userdel nightowl",
    # Configuration runs: a candidate that is not needed goes; equal content is written.
    "cp -p /etc/hosts /etc/hosts.new && cmp -s /etc/hosts.new /etc/hosts; rm /etc/hosts.new",
    "cat /etc/profile > $T/p; cat $T/p > /etc/profile",
    "vim -es -u NONE -N -c 's/^/# /' -c 'wq' /etc/issue",
    "printf '/var/log/dpkg.log { rotate 1 \\n create \\n }\\n' > $T/r; logrotate -f -s $T/s $T/r",
    "printf '/var/log/alternatives.log { rotate 1 \\n copytruncate \\n }\\n' > $T/r; "
    "logrotate -f -s $T/s $T/r",
    "echo line >> /var/log/auth.log",
    "ldconfig",
    "dpkg -i $T/fim-site-1.deb", "dpkg -i $T/fim-site-2.deb",  # and the upgrade
    CRON,
)


HEX = "0123456789abcdef" * 4
# What the example policies are about.
MORE = {
    "upload": "setpriv --reuid 33 --clear-groups sh -c 'echo \"<?php\" > /srv/www/shell.php'",
    "ransom": "for f in /srv/www/data/*; do echo locked > $f; done",
    "stage": "cp /bin/true /srv/www/art; chmod u+s /srv/www/art; rm /srv/www/art",
    "login": "echo 1000 > /proc/self/loginuid; echo x >> /etc/motd",
    "contained": "mkdir -p /run/cg; mount -t cgroup2 none /run/cg && mkdir /run/cg/docker-%s.scope"
                 " && echo $$ > /run/cg/docker-%s.scope/cgroup.procs; echo x >> /srv/www/index"
                 % (HEX, HEX),
    "append": "echo line >> /srv/www/log; echo another line >> /srv/www/log",
    "rewrite": "echo line > /srv/www/log",
    "device": ": >> /dev/vda || :; ls /dev/vd* | while read d; do : >> $d; done",
    "fifo": "mkfifo /srv/www/fifo; touch -d 2001-01-01 /srv/www/index",
    "label": """python3 -c 'import os; os.setxattr("/srv/www/index", "user.art", b"1")'""",
    "exchange": "mv /srv/www/index /srv/www/index.old; cp /srv/www/index.old /srv/www/index",
}


def shell(command, way=("sh", "-ec"), root=""):
    """Do it, in another root if need be."""
    environment = dict(os.environ, R=root, T="/tmp", D=root + DISK)
    return subprocess.run(list(way) + [command], env=environment, stdin=subprocess.DEVNULL)


def prepare():
    """What is attacked lies on a disk, with everything in it that the attacks need."""
    for place in PLACES:
        on_disk = DISK + "/policy" + place
        copied = "true" if place in EMPTY else "cp -a %s/. %s" % (place, on_disk)
        shell("mkdir -p %s %s && %s && mount --bind %s %s"
              % (place, on_disk, copied, on_disk, place))
    shell("mkdir -p %s %s /usr/local/bin /etc/cron.d /etc/cron.daily /etc/sudoers.d "
          "/etc/modules-load.d /etc/ld.so.conf.d /etc/systemd/system" % (LINKS, MARKS))
    for path in ("/root/.ssh/authorized_keys", "/etc/crontab", "/etc/rsyslog.conf",
                 "/var/log/auth.log", "/var/log/syslog", "/var/log/dpkg.log",
                 "/var/log/alternatives.log", "/var/log/jobs.log"):
        shell("[ -e %s ] || echo here > %s" % (path, path))
    shell("cp /bin/true /usr/bin/site/tool")
    for version in "12":
        packaged.debian("/tmp", name="fim-site", version=version)
    packaged.write("/etc/cron.d/site", JOB)
    shell("mkdir -p /srv/www/data; chown 33 /srv/www; echo here > /srv/www/index; "
          "for n in $(seq 60); do echo mine > /srv/www/data/$n; done")
    shell(ALL)


def undo():
    """The mounts are gone; what else changed is the machine's to throw away."""
    shell("umount -R -l " + OTHER)
    for place in reversed(PLACES):
        shell("umount -l " + place)
    shell("rm -rf %s/policy %s/policy-*" % (DISK, DISK))


def keep():
    """What the attacks change, to be put back between ways."""
    shell("rm -rf %s/policy-kept && cp -a %s/policy %s/policy-kept" % (DISK, DISK, DISK))


def restore():
    """As it was; with the monitor looking on."""
    for path in sorted({attack.path for attack in ATTACKS.values()} - {"/etc/pam.d"}):
        shell("[ ! -e {0}{1} ] || cp -a --remove-destination {0}{1} {1}".format(
            DISK + "/policy-kept", path))
    shell("rm -f /etc/cron.d/persistevil /etc/cron.daily/persistevil /etc/ld.so.preload "
          "/etc/ld.so.conf.d/art.conf /usr/local/bin/art /etc/sudoers.d/art "
          "/etc/modules-load.d/art.conf /etc/systemd/system/art.service %s/*; "
          "rm -rf /etc/systemd/system/art.target.wants" % LINKS)


def attack(name, way="directly"):
    """Do one by one way; whether it could be done."""
    words, root = WAYS[way]
    return shell(ATTACKS[name].command, words, root).returncode == 0


def attack_link(name):
    """Do one to a hard link that is nowhere watched."""
    path, command = LINKED[name]
    link = LINKS + "/" + name.replace(" ", "-")
    shell("ln %s%s %s" % (DISK + "/policy", path, link))
    environment = dict(os.environ, L=link)
    return subprocess.run(["sh", "-ec", command], env=environment).returncode == 0


def mark(text):
    """A record to find the place in the stream by."""
    path = os.path.join(MARKS, text.replace(" ", "-"))
    os.mkdir(path)
    os.rmdir(path)


def every_act():
    """[(mark, what does it)] of everything in here."""
    acts = [(name, lambda name=name: attack(name)) for name in ATTACKS]
    for way in INDIRECT:
        acts.append(("restore " + way, restore))
        acts += [("%s by %s" % (name, way), lambda name=name, way=way: attack(name, way))
                 for name in ATTACKS if name not in ONLY_DIRECTLY]
    acts.append(("restore link", restore))
    acts += [("%s by link" % name, lambda name=name: attack_link(name)) for name in LINKED]
    acts.append(("restore day", restore))
    acts += [("day %d" % at, lambda command=command: shell(command).returncode == 0)
             for at, command in enumerate(DAY)]
    return acts + [(name, lambda command=command: shell(command).returncode == 0)
                   for name, command in MORE.items()]


def group(mark):
    """The stream that an act's records belong to, or None."""
    if mark in MORE or mark.startswith("restore"):
        return "more" if mark in MORE else None
    if mark.startswith("day-"):
        return "day"
    return "links" if mark.endswith("-by-link") else "ways" if "-by-" in mark else "attacks"


def divided(lines):
    """{stream: [line]}, without what was done to get ready for the next."""
    found, at = {}, None
    for line in lines:
        record = json.loads(line.decode("utf-8"))
        path = record.get("path") or ""
        if path.startswith(MARKS + "/"):
            at = group(path[len(MARKS) + 1:])
        if at and record["kind"] != "stop":
            found.setdefault(at, []).append(line)
    return found


def nameless():
    """What is recorded tells nothing of the machine it was recorded on."""
    socket.sethostname("guest")
    with open("/etc/machine-id", "w") as file:
        file.write("0" * 32 + "\n")
    os.chdir("/")


def record(directory):
    """The lines of every act's stream."""
    with Watcher(directory, list(PLACES) + [MARKS]) as watcher:
        watcher.wait_ready()
        for text, act in every_act():
            mark(text)
            print(text, act(), flush=True)
        watcher.settle()
        watcher.stop()
        with open(watcher.output, "rb") as file:
            return list(file)


def main(directory):
    """Record the streams."""
    prepare()
    keep()
    nameless()
    for name, lines in divided(record("/tmp/recording")).items():
        with gzip.GzipFile(os.path.join(directory, name + ".jsonl.gz"), "wb", mtime=0) as file:
            file.writelines(lines)
    undo()


if __name__ == "__main__":
    main(sys.argv[1])
