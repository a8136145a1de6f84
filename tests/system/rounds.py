# SPDX-License-Identifier: GPL-2.0-only
"""Rounds of the same acts in a directory, for so many seconds; prints how many.

    rounds.py DIRECTORY SECONDS
"""
import collections
import itertools
import os
import sys
import time

PAUSE = 0.02
# What each gives.
ROUND = collections.Counter({
    "create": 1, "truncate": 1, "chmod": 1, "chown": 1, "utimes": 1, "setxattr": 1, "link": 1,
    "symlink": 1, "mkdir": 1, "rename": 1, "unlink": 3, "rmdir": 1})


def act(directory, number):
    """A round."""
    path = "%s/n%d" % (directory, number)
    with open(path, "w") as file:
        file.write("steady\n")
    os.truncate(path, 3)
    os.chmod(path, 0o640)
    os.chown(path, 1, 1)
    os.utime(path, (0, number))
    os.setxattr(path, "trusted.round", b"%d" % number)
    os.link(path, path + "l")
    os.symlink(path, path + "s")
    os.mkdir(path + "d")
    os.rename(path, path + "d/x")
    for name in (path + "d/x", path + "l", path + "s"):
        os.unlink(name)
    os.rmdir(path + "d")


def load(directory, seconds):
    """How many rounds in this time."""
    until = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() >= until:
            return number
        act(directory, number)
        time.sleep(PAUSE)


if __name__ == "__main__":
    print(load(sys.argv[1], float(sys.argv[2])))
