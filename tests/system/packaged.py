# SPDX-License-Identifier: GPL-2.0-only
"""Packages of the tests' own, a job and a program in each, and the commands that install them."""
import os
import shutil
import subprocess
import sys

CONTROL = "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
SPEC = """
Name: fim-rpm
Version: 1
Release: 1
Summary: x
License: x
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/etc/cron.d %{buildroot}/usr/sbin
echo "# packaged" > %{buildroot}/etc/cron.d/fim-rpm
echo packaged > %{buildroot}/usr/sbin/fim-rpm
%files
/etc/cron.d/fim-rpm
%attr(755, root, root) /usr/sbin/fim-rpm
"""
RPM = ["rpm", "--force-debian", "-U", "--force", "--nodeps"]
STARTS_IT = "import subprocess, sys; subprocess.check_call(sys.argv[1:])"
# What yum and dnf do: librpm within the interpreter writes the files.
WRITES_IT = """
import os, sys
import rpm
opened = {}
def answer(reason, amount, total, key, data):
    if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
        opened[key] = os.open(key, os.O_RDONLY)
        return opened[key]
    if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE:
        os.close(opened.pop(key))
transaction = rpm.TransactionSet()
transaction.setVSFlags(-1)
transaction.setProbFilter(rpm.RPMPROB_FILTER_REPLACEPKG | rpm.RPMPROB_FILTER_REPLACENEWFILES
                          | rpm.RPMPROB_FILTER_REPLACEOLDFILES)
with open(sys.argv[1], "rb") as file:
    transaction.addInstall(transaction.hdrFromFdno(file.fileno()), sys.argv[1], "u")
sys.exit(str(transaction.run(answer, "") or "") or 0)
"""


def write(path, text, mode=0o644):
    """A file with what is above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def debian(directory, script="", name="fim-deb", version="1"):
    """Build one, whose script may plant a file: the package's path."""
    root = os.path.join(directory, "root")
    write(root + "/etc/cron.d/" + name, "# packaged %s\n" % version)
    write(root + "/usr/sbin/" + name, "packaged %s\n" % version, 0o755)
    write(root + "/DEBIAN/control", CONTROL % (name, version))
    write(root + "/DEBIAN/postinst", "#!/bin/sh\n" + script, 0o755)
    subprocess.check_call("md5sum etc/cron.d/* usr/sbin/* > DEBIAN/md5sums", shell=True, cwd=root)
    path = "%s/%s-%s.deb" % (directory, name, version)
    subprocess.check_call(["dpkg-deb", "-b", root, path])
    shutil.rmtree(root)
    return path


def red_hat(directory, script=""):
    """The same as an RPM."""
    write("/root/.rpmmacros", "%%_dbpath /var/lib/rpm\n%%_topdir %s\n" % directory)
    path = os.path.join(directory, "x.spec")
    write(path, SPEC + ("%post\n" + script if script else ""))
    subprocess.check_call(["rpmbuild", "-bb", "--quiet", path])
    return os.path.join(directory, "RPMS", "noarch", "fim-rpm-1-1.noarch.rpm")


# tool: (what builds its package, what installs that, the package, the program that writes)
TOOLS = {
    "dpkg": (debian, ["dpkg", "-i"], "fim-deb", "/usr/bin/dpkg"),
    "rpm": (red_hat, [sys.executable, "-c", STARTS_IT] + RPM, "fim-rpm", "/usr/bin/rpm"),
    "python3-rpm": (red_hat, [sys.executable, "-c", WRITES_IT], "fim-rpm",
                    os.path.realpath(sys.executable)),
}
