# SPDX-License-Identifier: GPL-2.0-only
"""The RPM's life, with its scriptlets, under a systemd that was booted for it (booted.py)."""
import os
import shutil
import subprocess
import sys

import pytest

from booted import ROOT_ONLY, facts_of, reasons
from core_build import ROOT
from fim.version import VERSION
from test_install import make

JOB = """
debian=
! rpm --help | grep -q force-debian || debian=--force-debian
install() { rpm --nodeps $debian "$@"; }
version() { rpm -q --qf '%{VERSION}' fim-monitor; }
install -i /job/old.rpm
say version "$(fim --version)"
say verified "$(rpm -V --nodeps fim-monitor)"
say enabled "$(systemctl is-enabled fim.service fim-check.timer | tr '\\n' ' ')"
echo '# ours' >>/etc/fim/environment
systemctl enable --now fim-check.timer
systemctl start fim.service
service started
install -U /job/new.rpm
say upgraded "$(version) $(tail -n 1 /etc/fim/environment)"
service after_upgrade
install -U --oldpackage /job/old.rpm
say downgraded "$(version) $(tail -n 1 /etc/fim/environment)"
service after_downgrade
say timer_still "$(state fim-check.timer ActiveState)"
rpm -ql fim-monitor >/job/list
rpm -e fim-monitor
say removed "$(state fim.service LoadState) $(state fim-check.timer ActiveState)"
while read -r name; do
	[ -d "$name" ] || [ ! -e "$name" ] || say left "$name"
done </job/list
for name in /etc/fim/environment.rpmsave /run/fim-monitor.reason /run/fim; do
	[ ! -e $name ] || say still "$name"
done
cp -r /var/lib/fim/journal /job/journal
"""
PYTHON_DIR = "/opt/fim/python"
INSTALLS = "sh fim/dist/install.sh"


def package(place, tree, version):
    """What `make install` laid out there, by the spec but for its building, as this version."""
    with open(os.path.join(ROOT, "fim", "dist", "fim-monitor.spec")) as file:
        text = file.read()
    begin, end = text.index("%prep"), text.index("%post\n")
    assert INSTALLS in text[begin:end]
    copied = "%%install\ncp -a %s/. %%{buildroot}\n\n" % tree
    spec, top = place / "fim.spec", place / version
    spec.write_text((text[:begin] + copied + text[end:]).replace(
        "%doc README.md fim/dist/operations.md\n", ""))
    defined = {"_topdir": top, "version_of_fim": version, "python3_sitearch": PYTHON_DIR,
               "_unitdir": "/usr/lib/systemd/system"}
    words = [word for name, value in defined.items() for word in ("--define", "%s %s" % (name, value))]
    subprocess.check_call(["rpmbuild", "-bb", "--quiet", "--nodeps"] + words + [str(spec)],
                          stderr=subprocess.DEVNULL)
    return str(next((top / "RPMS").glob("*/*.rpm")))


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """[(what, how it was)], as the job found it."""
    place = tmp_path_factory.mktemp("job")
    make("install", DESTDIR=str(place / "tree"), PREFIX="/usr", PYTHON=sys.executable,
         PYTHON_DIR=PYTHON_DIR)
    for name, version in (("old", VERSION), ("new", "99")):
        shutil.copy(package(place, place / "tree", version), str(place / (name + ".rpm")))
    return facts_of(place, JOB)


@ROOT_ONLY
def test_nothing_starts_by_itself(facts):
    assert dict(facts)["enabled"] == "disabled disabled "
    assert (dict(facts)["version"], dict(facts)["verified"]) == ("fim " + VERSION, "")


@ROOT_ONLY
def test_upgrade_and_downgrade(facts):
    """What is configured stays, and what runs is restarted, once."""
    assert dict(facts)["upgraded"] == "99 # ours"
    assert dict(facts)["downgraded"] == VERSION + " # ours"
    assert dict(facts)["timer_still"] == "active"
    for when in ("started", "after_upgrade", "after_downgrade"):
        assert dict(facts)[when] == "active 0"


@ROOT_ONLY
def test_removal(facts):
    """Nothing runs, and nothing of the package is left but what was configured."""
    assert dict(facts)["removed"] == "not-found inactive"
    assert [name for what, name in facts if what == "left"] == []
    assert [name for what, name in facts if what == "still"] == ["/etc/fim/environment.rpmsave"]


@ROOT_ONLY
def test_why_it_starts_and_stops(facts):
    assert reasons(os.path.join(dict(facts)["place"], "journal")) == [
        ("start", None), ("stop", "upgrade"), ("start", "upgrade"), ("stop", "upgrade"),
        ("start", "upgrade"), ("stop", "uninstall")]
