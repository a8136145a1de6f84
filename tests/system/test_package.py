# SPDX-License-Identifier: GPL-2.0-only
"""A real Debian package, installed and removed by dpkg below a watched directory.

`make test-vm` downloads it; the ring does not run without.
"""
import glob
import os
import subprocess

import pytest

from watcher import ROOT

DPKG = ["dpkg", "--force-depends", "--force-not-root", "--force-script-chrootless", "--no-triggers"]


@pytest.fixture
def package():
    found = glob.glob(os.path.join(ROOT, "build", "packages", "*.deb"))
    assert found, "no package in build/packages: use make test-vm"
    return found[0]


@pytest.fixture
def root(any_room):
    """What dpkg wants of a root before it installs anything."""
    database = any_room.join("root", "var", "lib", "dpkg")
    for name in ("info", "updates", "triggers"):
        os.makedirs(os.path.join(database, name))
    for name in ("status", "available"):
        open(os.path.join(database, name), "w").close()
    any_room.forget()
    return any_room.join("root")


def contents(package):
    """(regular files, other names) of the package, as it lists them."""
    listing = subprocess.check_output(["dpkg-deb", "-c", package]).decode().splitlines()
    rows = [(line[0], line.split(None, 5)[5].split(" -> ")[0].lstrip(".").rstrip("/"))
            for line in listing]
    return ([name for kind, name in rows if kind == "-"],
            [name for kind, name in rows if kind != "-" and name])


def of(events, op):
    return [event["path"] for event in events if event["op"] == op]


def test_installed_and_removed(any_room, root, package):
    files, others = contents(package)
    paths = {root + name for name in files}
    subprocess.run(DPKG + ["--root=" + root, "-i", package], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    installed = any_room.events()
    # dpkg writes NAME.dpkg-new and renames it.
    new = {path + ".dpkg-new" for path in paths}
    assert new <= set(of(installed, "create")) and new <= set(of(installed, "close"))
    assert paths <= set(of(installed, "rename"))
    made = {path for op in ("mkdir", "symlink", "rename") for path in of(installed, op)}
    assert {root + name for name in others} - made <= {root}
    assert all(event["process"]["exe"] == "/usr/bin/dpkg" for event in installed
               if event["path"] in paths)
    subprocess.run(DPKG + ["--root=" + root, "-r", name_of(package)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    removed = set(of(any_room.events(), "unlink"))
    assert paths <= removed
    assert not [path for path in paths if os.path.lexists(path)]


def name_of(package):
    return subprocess.check_output(["dpkg-deb", "-f", package, "Package"]).decode().strip()
