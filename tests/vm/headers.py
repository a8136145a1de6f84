"""Prints one directory with a suite's kernel headers, made whole for BCC_KERNEL_SOURCE.

Debian splits them (-common and the architecture's); BCC, told of one directory,
wants them together.
"""

import glob
import os
import shutil
import subprocess
import sys

import kernels


def whole(suite):
    """The directory; made the first time, then kept."""
    kernel = kernels.of_suite(suite)
    target = os.path.join(kernels.cache_directory(), suite, "headers")
    if not os.path.isdir(target):
        source = os.path.join(kernels.cache_directory(), suite, "tree/usr/src")
        merge(glob.glob(os.path.join(source, "linux-headers-*-common"))
              + [os.path.join(source, "linux-headers-" + kernel.release)], target)
    return target


def merge(parts, target):
    """Copy the parts over each other; there whole or not at all."""
    shutil.rmtree(target + ".new", ignore_errors=True)
    os.makedirs(target + ".new")
    for part in parts:
        subprocess.check_call(["cp", "-a", "--remove-destination", part + "/include",
                               part + "/arch", target + ".new"])
    os.rename(target + ".new", target)


if __name__ == "__main__":
    print(whole(sys.argv[1]))
