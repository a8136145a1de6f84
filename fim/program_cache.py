"""Where compiled programs are kept, and the name by which the right ones are found again.

In /run, which ends with the boot: what runs in the kernel after a reboot comes from the
sources that the package carries, and only root writes there.
"""

import hashlib
import json
import os
import stat

from fim.kernel import read_header
from fim.sources import directory

__all__ = ["DIRECTORY", "path"]

DIRECTORY = "/run/fim/programs"
SOURCES = ("event.h", "kernel.h", "maps.h")  # included, so not in the text
# What the layout of the kernel's structures hangs on, beside the release.
HEADERS = ("generated/autoconf.h", "generated/utsrelease.h", "generated/compile.h",
           "linux/fs.h", "linux/dcache.h", "linux/mount.h", "linux/sched.h", "linux/cred.h")


def path(kernel, text, cflags):
    """The file for this text on this kernel; None where there is no safe place."""
    return os.path.join(DIRECTORY, digest(kernel, text, cflags)) if private(DIRECTORY) else None


def digest(kernel, text, cflags, build=None, cpus=None):
    """Of everything that goes into the compiler.

    `build` is what `uname -v` prints there and `cpus` how many it may have, of this host where
    they are not given.
    """
    parts = [kernel.release, build or os.uname()[3], text, cflags,
             cpus or os.sysconf("SC_NPROCESSORS_CONF")]
    parts += [read_header(kernel.header_path, name) for name in HEADERS]
    for name in SOURCES:
        with open(os.path.join(directory(), name), encoding="utf-8") as source:
            parts.append(source.read())
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def private(place):
    """Make the directory and the one above it; whether both are root's alone to write."""
    try:
        for each in (os.path.dirname(place), place):
            if not os.path.isdir(each):
                os.mkdir(each, 0o700)
        return all(owned(os.lstat(each)) for each in (os.path.dirname(place), place))
    except OSError:
        return False


def owned(status):
    """A directory, this user's, that no one else can write."""
    return (stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            and not status.st_mode & 0o022)
