"""Compiles the programs for the kernel of a suite on this host, as its guest would by itself.

Its guest is emulated: what takes seconds here takes more than a minute there. The file has the
name under which fim looks for it (fim/program_cache.py); a guest for which it is not right, down
to the build of the kernel, compiles its own.

    python3 tests/vm/precompile.py SUITE DIRECTORY
"""

import glob
import os
import re
import sys

import headers
import kernels
import machine

sys.path[:0] = [machine.REPOSITORY, os.path.join(machine.REPOSITORY, "fim")]
from fim import bpf, compiled, program_cache  # noqa: E402
from fim.kernel import Kernel, find_members  # noqa: E402

BUILD = re.compile(rb"\x00[^\x00]*\([^\x00]*\) (#\d+ [^\x00]*)\x00")  # of Linux's version string
ENTRIES = 1000  # of the maps; the loader makes them as large as it is asked to


def build_of(suite):
    """What `uname -v` prints in the guest; offset from Documentation/arch/x86/boot.rst."""
    tree = os.path.join(kernels.cache_directory(), suite, "tree")
    with open(glob.glob(tree + "/boot/vmlinuz-*")[0], "rb") as image:
        start = image.read(1 << 16)
    at = 0x200 + int.from_bytes(start[0x20E:0x210], "little")
    return BUILD.match(b"\0" + start[at:at + 512]).group(1).decode("ascii")


def compile_for(suite, directory):
    """One file in `directory`."""
    import bcc
    release, path = kernels.of_suite(suite).release, headers.whole(suite)
    kernel = Kernel(release, (), find_members(path), path, True)
    text, flags = bpf.source(), bpf.cflags(kernel)
    name = program_cache.digest(kernel, text, flags, build_of(suite), machine.CPUS)
    os.environ["BCC_KERNEL_SOURCE"] = path
    fresh = compiled.Fresh(bcc, text, flags + ["-DFIM_WATCHED_ENTRIES=%d" % ENTRIES])
    compiled.keep(os.path.join(directory, name), bcc, fresh)


if __name__ == "__main__":
    compile_for(*sys.argv[1:])
