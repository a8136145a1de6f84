# SPDX-License-Identifier: GPL-2.0-only
"""The example policies, and what each has to say of the acts in attacks.py."""
import os

from watcher import ROOT

POLICIES = os.path.join(ROOT, "fim", "dist", "policies")
# policy: the stream (tests/unit/streams) with what it is about, the rules and paths it tells
EXAMPLES = {
    "passwords": ("attacks", {("password_database", "/etc/passwd"),
                              ("password_database", "/etc/shadow")}),
    "web_root": ("more", {("uploaded_code", "/srv/www/shell.php")}),
    "ssh_keys": ("attacks", {("keys_changed", "/root/.ssh/authorized_keys")}),
    "logs": ("attacks", {("log_cut", "/var/log/auth.log"), ("log_gone", "/var/log/syslog")}),
    "mass_change": ("more", {("many_files", None)}),
    "staged": ("more", {("made_and_set_id", "/srv/www/art")}),
    "from_containers": ("more", {("from_a_container", "/srv/www/index")}),
    "logged_in": ("more", {("changed_by_a_person", "/etc/motd")}),
    "shadowed": ("attacks", {("mounted_over", "/etc/pam.d")}),
    "stricter": ("more", {("site_changed", "/srv/www/shell.php"),
                          ("site_times", "/srv/www/index")}),
}


def source_of(name):
    """The text of one."""
    with open(os.path.join(POLICIES, name + ".py"), encoding="utf-8") as file:
        return file.read()
