"""Stands for bcc where fim/loader.py is tried: does nothing in the kernel, and writes down what
it was asked. Python 2.7 and 3.

FAKE_BCC_LOG      file that gets one JSON list a call: [name, argument, ...]
FAKE_BCC_REFUSES  a text ("compile"), program ("load:fim_x") or function ("attach:vfs_x") to refuse
"""

import json
import os
import struct

__version__ = "0.10.0"
MAPS = (("watched", 1, 16, 16, 1000, 0), ("stages", 3, 4, 4, 8, 0), ("exit_stages", 3, 4, 4, 8, 0))


def note(*call):
    """One call; bytes as text."""
    words = [word.decode("ascii") if isinstance(word, bytes) else word for word in call]
    with open(os.environ["FAKE_BCC_LOG"], "a") as log:
        log.write(json.dumps(words) + "\n")


def refused(what):
    return os.environ.get("FAKE_BCC_REFUSES") == what


def descriptor():
    """Something that can be handed over."""
    return os.open("/dev/null", os.O_RDONLY)


def number(value):
    """Of a ctypes object, or of what is one already."""
    return getattr(value, "value", value)


class Function(object):
    """As bcc's: three members."""

    def __init__(self, bpf, name, fd):
        self.bpf, self.name, self.fd = bpf, name, fd


class BPF(object):
    KPROBE, TRACEPOINT = 2, 5
    Function = Function

    def __init__(self, text=b"", cflags=()):
        assert isinstance(text, bytes), "bcc wants bytes"
        if text.strip():
            note("compile", len(text), list(cflags))
            if refused("compile"):
                raise Exception("Failed to compile BPF text")
        self.module = 1
        self.funcs, self.kprobe_fds, self.tracepoint_fds = {}, {}, {}

    def load_func(self, name, kind):
        assert isinstance(name, bytes), "bcc wants bytes"
        if name not in self.funcs:
            note("load", name, kind)
            if refused("load:" + name.decode("ascii")):
                raise Exception("Failed to load BPF program %s" % name.decode("ascii"))
            self.funcs[name] = Function(self, name, descriptor())
        return self.funcs[name]

    def dump_func(self, name):
        """ldimm64 of the first map, and exit."""
        return (struct.pack("<BBhi", 0x18, 0x11, 0, lib.descriptors[0])
                + struct.pack("<BBhi", 0, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))

    def attach(self, prefix, event, fn_name):
        note("attach", event, fn_name)
        if refused("attach:" + event.decode("ascii")):
            raise Exception("Failed to attach BPF to kprobe")
        self.kprobe_fds[prefix + event] = descriptor()  # as before 0.16: one a function

    def attach_kprobe(self, event, fn_name):
        self.attach(b"p_", event, fn_name)

    def attach_kretprobe(self, event, fn_name):
        self.attach(b"r_", event, fn_name)

    def attach_tracepoint(self, tp, fn_name):
        note("attach", tp, fn_name)
        self.tracepoint_fds[tp] = descriptor()


class Lib(object):
    """What of libbcc.so the loader calls: with ctypes' objects, or plain numbers."""

    def __init__(self):
        self.descriptors = [descriptor() for _ in MAPS]

        def column(place):
            return lambda module, i: (MAPS[number(i)][place].encode("ascii") if place == 0
                                      else MAPS[number(i)][place])
        for place, name in enumerate(("name", "type_id", "key_size_id", "leaf_size_id",
                                      "max_entries_id", "flags_id")):
            setattr(self, "bpf_table_" + name, column(place))

    def bpf_table_fd(self, module, name):
        return self.descriptors[[row[0] for row in MAPS].index(name.decode("ascii"))]

    def bpf_num_tables(self, module):
        return len(MAPS)

    def bpf_num_functions(self, module):
        return 2

    def bpf_function_name(self, module, i):
        return (b"fim_one", b"fim_two")[i]

    def bpf_module_kern_version(self, module):
        return 0x030a00

    def bpf_update_elem(self, fd, key, value, flags):
        note("update", key._obj.value)
        return 0

    def bpf_create_map(self, kind, name, *sizes):  # as before bcc 0.10
        note("map", name.value, [number(size) for size in sizes])
        return descriptor()

    def bpf_prog_load(self, kind, name, code, *rest):
        note("load", name.value, number(kind))
        return descriptor()


lib = Lib()
