# SPDX-License-Identifier: GPL-2.0-only
"""Which package a file is of, asked of the tool itself, with a database of the test's own."""
import os
import shutil
import subprocess

import pytest

from fim import packages
from fim.cli_baseline import add_packages
from fim.findings import Finding

FILES = {"same": b"1\n", "other [1]*": b"2\n", "gone": b"3\n"}
CONTROL = "Package: fim-try\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"


def lay_out(root, top):
    """What the package has, below `root`."""
    os.makedirs(root + top)
    for name, content in FILES.items():
        with open(os.path.join(root + top, name), "wb") as file:
            file.write(content)


def change(top):
    """One file differs, one is missing, one is nobody's."""
    with open(os.path.join(top, "other [1]*"), "w") as file:
        file.write("x")
    os.unlink(os.path.join(top, "gone"))
    with open(os.path.join(top, "own"), "w") as file:
        file.write("x")


def states(kind, top):
    """{name: (package, state)}"""
    paths = [os.fsencode(os.path.join(top, name)) for name in list(FILES) + ["own"]]
    found = packages.PackageDatabase(kind).states(paths)
    return {os.path.basename(os.fsdecode(path)): state for path, state in found.items()}


EXPECTED = {"same": ("fim-try", "content_matches"), "other [1]*": ("fim-try", "differs"),
            "gone": ("fim-try", "missing")}


def install(directory, top, monkeypatch):
    """A package of FILES, in a database of its own, which the tool asks from now on."""
    build, admin = str(directory / "build"), str(directory / "admin")
    lay_out(build, top)
    os.mkdir(build + "/DEBIAN")
    with open(build + "/DEBIAN/control", "w") as file:
        file.write(CONTROL)
    sums = subprocess.check_output("md5sum .%s/*" % top, shell=True, cwd=build)
    with open(build + "/DEBIAN/md5sums", "wb") as file:
        file.write(sums.replace(b" ./", b" "))
    os.makedirs(admin + "/info")
    os.makedirs(admin + "/updates")
    open(admin + "/status", "w").close()
    monkeypatch.setenv("DPKG_ADMINDIR", admin)
    subprocess.check_call(["dpkg-deb", "-b", build, str(directory / "x.deb")],
                          stdout=subprocess.DEVNULL)
    subprocess.check_call(["dpkg", "--admindir=" + admin, "--log=/dev/null", "-i",
                           str(directory / "x.deb")], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)


NO_DPKG = not shutil.which("dpkg-deb") or os.geteuid() != 0


@pytest.mark.skipif(NO_DPKG, reason="no dpkg here, or not root, as whom alone it installs")
def test_dpkg(tmp_path, monkeypatch):
    top = str(tmp_path / "top")
    install(tmp_path, top, monkeypatch)
    change(top)
    assert states(packages.Dpkg(), top) == EXPECTED


SPEC = """Name: fim-try
Version: 1
Release: 1
Summary: x
License: x
BuildArch: noarch
%%description
x
%%install
cp -a %s/. %%{buildroot}
%%files
%s
"""


def install_rpm(directory, top, monkeypatch, files=()):
    """The same with rpm: what its macro file in HOME says holds for every rpm that is run."""
    monkeypatch.setenv("HOME", str(directory))
    for name in ("rpmdb", "built"):
        os.mkdir(str(directory / name))
    (directory / ".rpmmacros").write_text("%%_dbpath %s/rpmdb\n%%_rpmdir %s/built\n%%_tmppath %s\n"
                                          % ((directory,) * 3))
    lay_out(str(directory / "laid"), top)
    (directory / "x.spec").write_text(SPEC % (directory / "laid", "\n".join(files or [top])))
    subprocess.check_call(["rpmbuild", "-bb", "--quiet", "--buildroot", str(directory / "root"),
                           "--define", "_topdir %s" % directory, str(directory / "x.spec")],
                          stderr=subprocess.DEVNULL)
    debian = "--force-debian" in subprocess.check_output(["rpm", "--help"]).decode()
    subprocess.check_call(["rpm", "-i", "--nodeps"] + ["--force-debian"] * debian
                          + [str(directory / "built" / "noarch" / "fim-try-1-1.noarch.rpm")])


@pytest.mark.skipif(not shutil.which("rpmbuild") or os.geteuid() != 0,
                    reason="no rpmbuild here, or not root")
def test_rpm(tmp_path, monkeypatch):
    """It verifies more than content: the mode, the owner, the time."""
    top = str(tmp_path / "top")
    install_rpm(tmp_path, top, monkeypatch)
    expected = dict(EXPECTED, same=("fim-try", "matches"))
    change(top)
    assert states(packages.Rpm(), top) == expected
    os.chmod(os.path.join(top, "same"), 0o4755)
    assert states(packages.Rpm(), top) == dict(expected, same=("fim-try", "differs"))


@pytest.mark.skipif(not shutil.which("rpmbuild") or os.geteuid() != 0,
                    reason="no rpmbuild here, or not root")
def test_rpm_proves_what_it_verifies(tmp_path, monkeypatch):
    """As setup has /etc/passwd, and grub2 its configuration: of such a file rpm -V says nothing,
    whatever is in it."""
    top = str(tmp_path / "top")
    install_rpm(tmp_path, top, monkeypatch, [
        top + "/same", "%verify(not md5 size mtime) " + top + "/other*", "%ghost " + top + "/gone"])
    for name in ("other [1]*", "gone"):
        with open(os.path.join(top, name), "w") as file:
            file.write("evil::0:0")
    database = packages.PackageDatabase(packages.Rpm())
    paths = [os.fsencode(os.path.join(top, name)) for name in FILES]
    assert set(database.states(paths).values()) == {("fim-try", "matches")}
    assert database.proofs(paths) == {os.fsencode(top + "/same"): ("fim-try", "matches")}
    monkeypatch.setattr("fim.packages.of_this_host", lambda: database)
    found = [Finding(path, None, None, "changed") for path in paths]
    add_packages(found)
    assert [finding.package for finding in found] == [("fim-try", "matches"), None, None]
    os.chmod(os.path.join(top, "other [1]*"), 0o4755)  # that it does verify
    assert database.proofs(paths)[paths[1]] == ("fim-try", "differs")


@pytest.mark.parametrize("kind", (packages.Dpkg(), packages.Rpm()), ids=lambda kind: kind.tool)
def test_no_command_line_is_too_long(kind, monkeypatch):
    """Whoever may make directories may make long paths, and many; those of packages are short."""
    commands = []
    monkeypatch.setattr(packages, "run", lambda command: commands.append(command) or [])
    long, short = b"/usr" + 20 * (b"/" + 250 * b"*"), [b"/etc/%d" % number for number in range(450)]
    assert kind.owners([long] * 500 + short + [long]) == {}
    asked = [word for command in commands for word in command if word in set(short)]
    assert sorted(asked) == sorted(short)
    assert max(sum(map(len, command)) for command in commands) < 2**20 // 2
    assert max(map(len, sum(commands, []))) < 2 * 4096


def test_this_host_s_own():
    """The tool that installed Python's link to itself, or one that knows nothing of it."""
    known = packages.of_this_host()
    if known is None:
        pytest.skip("no package database here")
    found = known.states([b"/usr/bin/env", b"/nosuch"])
    assert found.pop(b"/usr/bin/env")[0].startswith("coreutils") and not found
