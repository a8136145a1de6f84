"""Programs and maps as bcc has compiled them: fresh from its compiler, or kept in a file.

Compiling costs seconds of CPU and 190 MB for a moment; what comes of it is the same for
the same text and headers, so it is kept, and the next start on this kernel only loads it.
Part of the loader (fim/loader.py), so written for Python 2.7 and 3.6 alike.

Both kinds have

    map(name)          its descriptor
    load(name, kind)   the descriptor of the program, loaded
    size(name)         its instructions
    bpf                a bcc.BPF, which attaches what is loaded
"""

import base64
import ctypes
import json
import os
import re
import struct
import zlib

FORM = 1  # of the file
NAME = re.compile("[0-9a-f]{64}")  # fim/program_cache.py's digest
KEPT_FILES = 4  # of earlier texts, the newest
LICENSE = b"GPL"
LOAD_IMM64, PSEUDO_MAP_FD = 0x18, 1
INSTRUCTION = struct.Struct("<BBhi")
# A row of maps(): the functions of libbcc, and what they give.
TABLE = (("bpf_table_name", ctypes.c_char_p), ("bpf_table_type_id", ctypes.c_int),
         ("bpf_table_key_size_id", ctypes.c_size_t), ("bpf_table_leaf_size_id", ctypes.c_size_t),
         ("bpf_table_max_entries_id", ctypes.c_size_t), ("bpf_table_flags_id", ctypes.c_int))


class Fresh(object):
    """What bcc compiles of a text."""

    def __init__(self, bcc, text, cflags):
        self.lib = bcc.lib
        self.bpf = bcc.BPF(text=text.encode("utf-8"), cflags=cflags)

    def map(self, name):
        """By libbcc: bcc's own table objects cannot describe every value type."""
        return self.lib.bpf_table_fd(self.bpf.module, name.encode("ascii"))

    def load(self, name, kind):
        return self.bpf.load_func(name.encode("ascii"), kind).fd

    def size(self, name):
        return len(self.bpf.dump_func(name.encode("ascii"))) // INSTRUCTION.size

    def tables(self, what, give, i):
        """What libbcc says of its table i; bcc.lib has no prototype for some of them."""
        function = getattr(self.lib, what)
        function.restype = give
        return function(ctypes.c_void_p(self.bpf.module), ctypes.c_ulonglong(i))

    def maps(self):
        """[[name, type, key size, value size, entries, flags]]"""
        count = self.lib.bpf_num_tables(ctypes.c_void_p(self.bpf.module))
        rows = [[self.tables(what, give, i) for what, give in TABLE] for i in range(count)]
        return [[row[0].decode("ascii")] + row[1:] for row in rows]

    def programs(self):
        """{name: its code, where the numbers of maps are their places in maps()}"""
        lib, module = self.lib, self.bpf.module
        names = [lib.bpf_function_name(module, i) for i in range(lib.bpf_num_functions(module))]
        places = dict((self.map(row[0]), place) for place, row in enumerate(self.maps()))
        return dict((name.decode("ascii"), renumbered(self.bpf.dump_func(name), places))
                    for name in names)

    def version(self):
        """Of the kernel, as its headers give it: the number that kernels before 5.0 insist on."""
        return self.lib.bpf_module_kern_version(self.bpf.module)


class Kept(object):
    """The same, as a file has kept it.

    `entries` {map: room} is taken where the file says otherwise.
    """

    def __init__(self, bcc, file, entries):
        self.lib = bcc.lib
        self.bpf = bcc.BPF(text=b"\n")  # it holds what is attached
        self.function = bcc.BPF.Function
        self.codes = dict((name, base64.b64decode(code)) for name, code in file["programs"].items())
        self.descriptors = [self.make(*(row[:4] + [entries.get(row[0], row[4]), row[5]]))
                            for row in file["maps"]]
        self.names = [row[0] for row in file["maps"]]
        self.version = file["version"]

    def make(self, name, *shape):
        """A map; libbcc raises the limit of locked memory where that is what lacks."""
        # Named bpf_create_map before bcc 0.10, as a function of libbpf now is.
        create = getattr(self.lib, "bcc_create_map", None) or self.lib.bpf_create_map
        descriptor = create(ctypes.c_int(shape[0]), ctypes.c_char_p(name.encode("ascii")),
                            *[ctypes.c_int(number) for number in shape[1:]])
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "map %s: %s" % (name, os.strerror(ctypes.get_errno())))
        return descriptor

    def map(self, name):
        return self.descriptors[self.names.index(name)]

    def size(self, name):
        return len(self.codes[name]) // INSTRUCTION.size

    def load(self, name, kind):
        key = name.encode("ascii")
        if key not in self.bpf.funcs:
            self.bpf.funcs[key] = self.function(self.bpf, key, self.load_anew(name, kind))
        return self.bpf.funcs[key].fd

    def load_anew(self, name, kind):
        code = renumbered(self.codes[name], dict(enumerate(self.descriptors)))
        load = getattr(self.lib, "bcc_prog_load", None) or self.lib.bpf_prog_load
        descriptor = load(ctypes.c_int(kind), ctypes.c_char_p(name.encode("ascii")),
                          ctypes.c_char_p(code), ctypes.c_int(len(code)), ctypes.c_char_p(LICENSE),
                          ctypes.c_uint(self.version), ctypes.c_int(0), None, ctypes.c_uint(0))
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "program %s: %s"
                          % (name, os.strerror(ctypes.get_errno())))
        return descriptor


def renumbered(code, numbers):
    """The code with each number of a map replaced by what `numbers` has for it."""
    new = bytearray(code)
    for at in range(0, len(code), INSTRUCTION.size):
        opcode, registers, offset, immediate = INSTRUCTION.unpack_from(code, at)
        if opcode == LOAD_IMM64 and registers >> 4 == PSEUDO_MAP_FD:
            INSTRUCTION.pack_into(new, at, opcode, registers, offset, numbers[immediate])
    return bytes(new)


# --- the file ---------------------------------------------------------------------


def keep(path, bcc, fresh):
    """Write what was compiled; whole or not at all, for root only."""
    programs = dict((name, base64.b64encode(code).decode("ascii"))
                    for name, code in fresh.programs().items())
    file = {"form": FORM, "bcc": version_of(bcc), "version": fresh.version(),
            "maps": fresh.maps(), "programs": programs}
    unfinished = "%s.%d" % (path, os.getpid())
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(zlib.compress(json.dumps(file).encode("ascii")))
    os.rename(unfinished, path)
    drop_old(os.path.dirname(path))


def drop_old(directory):
    """All but the newest, and nothing of another name."""
    paths = [os.path.join(directory, name) for name in os.listdir(directory) if NAME.match(name)]
    for path in sorted(paths, key=os.path.getmtime)[:-KEPT_FILES]:
        os.unlink(path)


def kept(path, bcc):
    """What the file has, None where there is none of this form and this bcc."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(source.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return None
        try:
            file = json.loads(zlib.decompress(source.read()).decode("ascii"))
        except (ValueError, zlib.error):
            return None
    same = (file["form"], file["bcc"]) == (FORM, version_of(bcc))
    return file if same else None


def version_of(bcc):
    """As bcc names its own."""
    return getattr(bcc, "__version__", "unknown")
