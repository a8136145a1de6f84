# SPDX-License-Identifier: GPL-2.0-only
"""The Debian package's life under a systemd that was booted for it (booted.py)."""
import os
import subprocess

import pytest

from booted import ROOT_ONLY, facts_of, reasons
from core_build import ROOT
from fim.version import VERSION
from test_install import make

JOB = """
dpkg -i /job/old.deb
say version "$(fim --version)"
say enabled "$(systemctl is-enabled fim.service fim-check.timer | tr '\\n' ' ')"
systemctl enable --now fim-check.timer
say timer "$(state fim-check.timer ActiveState)"
fim init /etc/fim
systemctl start fim-check.service
say same "$(state fim-check.service ExecMainStatus) $(state fim-check.service Result)"
echo '# ours' >>/etc/fim/environment
systemctl start fim-check.service
say changed "$(state fim-check.service ExecMainStatus) $(state fim-check.service Result)"
systemctl start fim.service
service started
sleep 1 # what was not written within it is lost by a kill
systemctl kill -s KILL fim.service
until [ "$(state fim.service NRestarts) $(state fim.service ActiveState)" = "1 active" ]; do sleep 0.2; done
systemctl stop fim.service
systemctl start fim.service
dpkg -i /job/new.deb
say upgraded "$(dpkg-query -W -f '${Version}' fim-monitor) $(tail -n 1 /etc/fim/environment)"
service after_upgrade
dpkg -i /job/old.deb
say downgraded "$(dpkg-query -W -f '${Version}' fim-monitor) $(fim --version)"
service after_downgrade
say timer_still "$(state fim-check.timer ActiveState)"
dpkg -L fim-monitor >/job/list
dpkg -r fim-monitor
cp -r /var/lib/fim/journal /job/journal
say removed "$(state fim.service LoadState) $(state fim-check.timer ActiveState)"
while read -r name; do
	[ -d "$name" ] || [ ! -e "$name" ] || say left "$name"
done </job/list
for name in /usr/lib/python3/dist-packages/fim /var/lib/fim/fim.db; do
	[ ! -e $name ] || say still "$name"
done
dpkg -P fim-monitor
[ ! -e /etc/fim/environment ] && [ ! -e /var/lib/fim ] && say purged yes
dpkg -i /job/old.deb
echo 'FIM_OPTIONS="/etc --state /job/last"' >/etc/fim/environment
systemctl start fim.service
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """[(what, how it was)], as the job found it."""
    place = tmp_path_factory.mktemp("job")
    old = os.path.join(ROOT, make("deb")[-1])
    os.link(old, str(place / "old.deb"))
    subprocess.check_call(["dpkg-deb", "-R", old, str(place / "tree")])
    control = place / "tree" / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("Version: " + VERSION, "Version: 99"))
    subprocess.check_call(["dpkg-deb", "--root-owner-group", "-b", str(place / "tree"),
                           str(place / "new.deb")], stdout=subprocess.DEVNULL)
    return facts_of(place, JOB)


@ROOT_ONLY
def test_nothing_starts_by_itself(facts):
    assert dict(facts)["enabled"] == "disabled disabled "
    assert dict(facts)["version"] == "fim " + VERSION


@ROOT_ONLY
def test_the_comparison(facts):
    """A difference is its answer, no failure."""
    assert dict(facts)["timer"] == dict(facts)["timer_still"] == "active"
    assert dict(facts)["same"] == "0 success"
    assert dict(facts)["changed"] == "4 success"


@ROOT_ONLY
def test_upgrade_and_downgrade(facts):
    """What is configured stays, and what runs is restarted."""
    assert dict(facts)["upgraded"] == "99 # ours"
    assert dict(facts)["downgraded"] == "%s fim %s" % (VERSION, VERSION)
    for when in ("started", "after_upgrade", "after_downgrade"):
        assert dict(facts)[when] == "active 0"


@ROOT_ONLY
def test_removal(facts):
    """Its state and what is configured are left, and after a purge nothing."""
    assert dict(facts)["removed"] == "not-found inactive"
    assert [name for what, name in facts if what == "left"] == ["/etc/fim/environment"]
    assert [name for what, name in facts if what == "still"] == ["/var/lib/fim/fim.db"]
    assert dict(facts)["purged"] == "yes"


@ROOT_ONLY
def test_why_it_starts_and_stops(facts):
    """Killed, stopped by hand, upgraded, downgraded, removed; and the host goes down."""
    job = dict(facts)["place"]
    assert reasons(os.path.join(job, "journal")) == [
        ("start", None), ("start", "crash"), ("stop", "SIGTERM"), ("start", None),
        ("stop", "upgrade"), ("start", "upgrade"), ("stop", "upgrade"), ("start", "upgrade"),
        ("stop", "uninstall")]
    assert reasons(os.path.join(job, "last", "journal")) == [("start", None), ("stop", "reboot")]
