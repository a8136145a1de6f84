# SPDX-License-Identifier: GPL-2.0-only
"""No Python file reads a name that is not there, or has one that nobody reads.

What only a new machine runs, such as the download of a kernel, no other test reaches.
"""
import os
import subprocess

from core_build import ROOT

DEBIAN = "/usr/bin/python3"  # whose pyflakes fim/dist/packages.sh installs


def test_every_name_is_bound():
    paths = [os.path.join(ROOT, name) for name in ("fim", "tests", "setup.py")]
    found = subprocess.run([DEBIAN, "-m", "pyflakes"] + paths, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, universal_newlines=True)
    assert found.stdout == "" and found.returncode == 0
