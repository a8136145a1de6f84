"""Prints a directory with Debian 11's pytest, for CPythons as old as 3.6: PYTHONPATH for them.

It is pure Python, and the last of Debian's that such take; its packages are unpacked into the
cache of kernels.
"""

import os
import shutil

import kernels

PACKAGES = ["python3-" + name for name in (
    "pytest attr iniconfig packaging pluggy py toml more-itertools importlib-metadata zipp "
    "pyparsing six jsonschema pyrsistent").split()]
SUITE = "bullseye"


def directory():
    """Downloaded the first time, then kept. CalledProcessError: it cannot be."""
    work = kernels.whole(os.path.join(kernels.cache_directory(), "pytest-" + SUITE), _download)
    return os.path.join(work, "tree/usr/lib/python3/dist-packages")


def _download(work):
    suite = next(row for row in kernels.SUITES if row.name == SUITE)
    apt = os.path.join(work, "apt")
    kernels.unpack(kernels.private_apt(suite, apt), PACKAGES, work)
    shutil.rmtree(apt)


if __name__ == "__main__":
    print(directory())
