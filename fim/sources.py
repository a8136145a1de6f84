"""The kernel side's sources: where they are, and that an installed copy is the package's own.

They are compiled and loaded into the kernel by root. A package carries SHA256SUMS, made
when it was built, and one without it is not whole: to remove a file must not be a way around
the check. A checkout has none, and is a developer's own.
"""

import hashlib
import os
import stat

from fim.errors import KernelError

__all__ = ["MANIFEST", "directory"]

MANIFEST = "SHA256SUMS"
MEND = "install fim again"


def directory():
    """Where bpf_c/ is: beside the package in a checkout, inside it and checked when installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    installed, checkout = (os.path.join(place, "bpf_c") for place in (here, os.path.dirname(here)))
    if os.path.isdir(installed):
        check(installed)
        return installed
    if os.path.exists(os.path.join(checkout, "event.h")):
        return checkout
    raise KernelError("fim: %s: the kernel programs are missing: %s" % (installed, MEND))


def manifest(path):
    """{name: its digest}, as the package has it."""
    file = os.path.join(path, MANIFEST)
    try:
        with open(file, encoding="ascii") as lines:
            return dict(reversed(line.split()) for line in lines)
    except (OSError, ValueError) as error:
        raise KernelError("fim: %s: %s: %s"
                          % (file, getattr(error, "strerror", None) or "no list of digests", MEND))


def check(path):
    """Nothing more, nothing less and nothing else than the package had, and only root's."""
    wanted = manifest(path)
    there = set(os.listdir(path)) - {MANIFEST}
    for name in sorted(there | set(wanted)):
        file = os.path.join(path, name)
        if name not in there or name not in wanted or digest(file) != wanted[name]:
            raise KernelError("fim: %s: not as the package has it: %s" % (file, MEND))
        check_owner(file)
    check_owner(path)


def digest(path):
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_owner(path):
    """Who else can write there could run code in the kernel."""
    found = os.stat(path)
    if os.geteuid() == 0 and (found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise KernelError("fim: %s: others than root can write it: %s" % (path, MEND))
