"""The packages that fim needs at run time, in the words of this host's distribution."""

import os
import re
import subprocess
import sys

__all__ = ["ALONE", "bcc_package", "bcc_version", "header_package", "interpreters", "missing"]

INTERPRETERS = ("/usr/bin/python3", "/usr/libexec/platform-python", "/usr/bin/python2.7",
                "/usr/bin/python2", "/usr/bin/python")
OS_RELEASE = "/etc/os-release"
REDHAT = "/etc/redhat-release"
PYTHON_2_HOST = "/usr/bin/python2.7"
# A word of os-release's ID and ID_LIKE: package of BCC for Python, package of the headers.
PACKAGES = (
    ("debian", "python3-bpfcc", "linux-headers-%s"),
    ("suse", "python3-bcc", "kernel-default-devel"),
    ("arch", "python-bcc", "linux-headers"),
    ("alpine", "py3-bcc", "linux-lts-dev"),
    ("rhel", "python3-bcc", "kernel-devel-%s"),
    ("fedora", "python3-bcc", "kernel-devel-%s"),
)
UNKNOWN = ("", "BCC for Python (python3-bpfcc, python3-bcc)", "the headers of kernel %s")
# What root runs takes no module from the caller's environment (-E), home (-s) or, started in /,
# directory, and leaves none compiled in the package (-B). 2.7 has no -I.
ALONE = "-BEs"
ASK = "import bcc, sys; sys.stdout.write(getattr(bcc, '__version__', 'unknown'))"


def family(root=""):
    """The row of PACKAGES for this host."""
    words = "rhel" if os.path.exists(root + REDHAT) else ""
    try:
        with open(root + OS_RELEASE, encoding="utf-8", errors="replace") as lines:
            words += " ".join(re.findall(r"^ID(?:_LIKE)?=(.*)$", lines.read(), re.M))
    except OSError:
        pass
    return next((row for row in PACKAGES if re.search(row[0], words)), UNKNOWN)


def bcc_package(root=""):
    """On RHEL 7 it is Python 2.7's."""
    word, package, _ = family(root)
    old = word == "rhel" and os.path.exists(root + PYTHON_2_HOST)
    return "python-bcc" if old else package


def header_package(release, root=""):
    """That of exactly this build."""
    package = family(root)[2]
    return package % release if "%s" in package else package


def interpreters():
    """What may run the loader, the likeliest first."""
    return list(dict.fromkeys([sys.executable] + [path for path in INTERPRETERS
                                                  if os.path.exists(path)]))


def bcc_version():
    """(interpreter, version) of the first that can import bcc, or None."""
    for interpreter in interpreters():
        done = subprocess.run([interpreter, ALONE, "-c", ASK], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return interpreter, done.stdout.decode("ascii", "replace")
    return None


def missing(kernel):
    """Names of the packages that `kernel` needs and this host lacks."""
    names = [] if bcc_version() else [bcc_package()]
    if kernel.header_path is None or kernel.built_for not in (None, kernel.release):
        names.append(header_package(kernel.release))
    return names
