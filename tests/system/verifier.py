# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's verifier, asked by bpf(2) itself: how long it takes for a program, and how many
instructions it goes through."""
import base64
import ctypes
import os
import re
import resource
import struct
import time

from fim import compiled

BPF = {"x86_64": 321, "aarch64": 280}[os.uname()[4]]
MAP_CREATE, PROG_LOAD = 0, 5
KPROBE, TRACEPOINT = 2, 5
ROOM = 64        # in a map at the most: what is made here is never used
# The whole log: 3.10 knows no shorter one. It takes at most 16 MiB less one byte.
LOG_LEVEL, LOG_SIZE = 1, (1 << 24) - 1
STATISTICS = 4   # since 5.2: the last lines only
PROCESSED = re.compile(rb"processed (\d+) insns")
LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    """A descriptor; OSError."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    descriptor = LIBC.syscall(BPF, command, buffer, len(buffer))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return descriptor


class Verifier:
    """Of the programs and maps that fim has kept (fim/compiled.py); a context manager."""

    def __init__(self, file):
        self.file = file
        self.maps = []

    def __enter__(self):
        # Up to 5.10 maps and programs are counted against it, root's as well.
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
        for _, kind, key, value, room, flags in self.file["maps"]:
            self.maps.append(bpf(MAP_CREATE, struct.pack("=IIIII", kind, key, value,
                                                         min(room, ROOM), flags)))
        return self

    def __exit__(self, *unused):
        for descriptor in self.maps:
            os.close(descriptor)

    def load(self, name, kind, level=0, log=None):
        """Into the kernel, and out of it again."""
        code = compiled.renumbered(base64.b64decode(self.file["programs"][name]),
                                   dict(enumerate(self.maps)))
        text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
        size = ctypes.sizeof(log) if log else 0
        os.close(bpf(PROG_LOAD, struct.pack(
            "=IIQQIIQI", kind, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence),
            level, size, ctypes.addressof(log) if log else 0, self.file["version"])))

    def seconds(self, name, kind):
        """CPU time of it, without a log."""
        begun = time.process_time()
        self.load(name, kind)
        return time.process_time() - begun

    def processed(self, name, kind):
        """Instructions, as the verifier counts them along every path."""
        log = ctypes.create_string_buffer(LOG_SIZE)
        try:
            self.load(name, kind, STATISTICS, log)
        except OSError:
            self.load(name, kind, LOG_LEVEL, log)
        return int(PROCESSED.search(log.value).group(1))
