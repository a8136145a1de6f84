"""Facts about a kernel, asked of the kernel itself and never of its version number.

`Kernel` is plain data, so that the choice of hooks is tested on the facts of
kernels that are not running. `Kernel.of_this_host()` reads them.
"""

import glob
import os
import re

__all__ = ["Kernel", "MEMBERS"]

# Flag for bpf_c/kernel.h, header to look in, expression that must be found
# there (None: the header itself must exist). First header that exists counts.
MEMBERS = (
    ("FIM_HAS_SCHED_SIGNAL_H", "linux/sched/signal.h", None),
    ("FIM_HAS_KERNFS_H", "linux/kernfs.h", None),
    ("FIM_HAS_AIO_H", "linux/aio.h", r"struct kiocb \{"),
    ("FIM_HAS_DFL_CGRP", "linux/cgroup-defs.h", r"\bdfl_cgrp;"),
    ("FIM_HAS_KERNFS_ID", "linux/kernfs.h", r"\bu64\s+id;"),
    ("FIM_HAS_KERNFS___PARENT", "linux/kernfs.h", r"\b__parent;"),
    ("FIM_HAS_START_BOOTTIME", "linux/sched.h", r"\bstart_boottime;"),
    ("FIM_HAS_REAL_START_TIME_NS", "linux/sched.h", r"\bu64\s+real_start_time;"),
    ("FIM_HAS_I_MTIME_SEC", "linux/fs.h", r"\bi_mtime_sec;"),
    ("FIM_HAS___I_MTIME", "linux/fs.h", r"\b__i_mtime;"),
    ("FIM_HAS___I_CTIME", "linux/fs.h", r"\b__i_ctime;"),
    ("FIM_HAS_D_U_ALIAS", "linux/dcache.h", r"\bunion \{\s*struct hlist_node d_alias;"),
    ("FIM_HAS_TRACE_EVENTS_H", "linux/trace_events.h", None),
    ("FIM_HAS_FILE_UNDERNEATH", "linux/fs.h", r"\b(open_with_fake_path|FMODE_BACKING)\b"),
    ("FIM_HAS_USER_PATH", "linux/fs.h", r"\bfile_user_path\("),
    ("FIM_HAS_SETATTR_IDMAP", "linux/security.h",
     r"\bsecurity_inode_setattr\(struct (user_namespace|mnt_idmap) "),
    ("FIM_HAS_REMOVEXATTR_IDMAP", "linux/security.h",
     r"\bsecurity_inode_removexattr\(struct (user_namespace|mnt_idmap) "),
    ("FIM_HAS_GETATTR_PATH", "linux/security.h",
     r"\bsecurity_inode_getattr\(const struct path"),
)

KALLSYMS = "/proc/kallsyms"
KPROBE_PMU = "/sys/bus/event_source/devices/kprobe/type"
TRACEABLE = ("/sys/kernel/tracing/available_filter_functions",
             "/sys/kernel/debug/tracing/available_filter_functions")
SYSTEM_MAPS = ("/boot/System.map-%s", "/lib/modules/%s/System.map")
SPLIT = re.compile(r"\.(?:isra|part|constprop|cold)\b")  # what compilers make of a function


class Kernel:
    """What one kernel has.

    release      as `uname -r` prints it
    symbols      frozenset of function names (text symbols of kallsyms)
    headers      frozenset of the FIM_HAS_* flags that its headers give
    header_path  directory of its headers, or None where there are none
    kprobe_pmu   perf can open kprobes
    built_for    release that the headers are of, None where they do not say
    traceable    frozenset of the functions that ftrace lists, None where it does not
    """

    def __init__(self, release, symbols, headers, header_path, kprobe_pmu, built_for=None,
                 traceable=None):
        self.release = release
        self.symbols = frozenset(symbols)
        self.headers = frozenset(headers)
        self.header_path = header_path
        self.kprobe_pmu = kprobe_pmu
        self.built_for = built_for
        self.traceable = None if traceable is None else frozenset(traceable)

    @classmethod
    def of_this_host(cls):
        """The running kernel's facts."""
        release = os.uname()[2]
        path = header_path(release)
        return cls(release, read_symbols(), find_members(path), path,
                   os.path.exists(KPROBE_PMU), header_release(path), read_traceable())

    @classmethod
    def installed(cls, release):
        """What can be known of a kernel that is not running: nothing of perf and ftrace."""
        path = header_path(release)
        symbols = (read_symbols(name % release) for name in SYSTEM_MAPS)
        return cls(release, next(filter(None, symbols), ()), find_members(path), path, True,
                   header_release(path))

    def has(self, function):
        """True where `function` (or FUNCTION%return) exists as it is and not only in split parts.

        Whether ftrace lists it says nothing: 3.10 probes perf_event_mmap, which it does not
        list; from 5.0 on (45408c4f9250) some kernels refuse such, and the next candidate comes.
        """
        return function.partition("%")[0] in self.symbols

    def hiding(self, functions):
        """The same kernel, as if it had none of these functions."""
        if not functions & self.symbols:
            return self
        return Kernel(self.release, self.symbols - functions, self.headers, self.header_path,
                      self.kprobe_pmu, self.built_for, self.traceable)

    def parts(self, function):
        """The names that the compiler gave to parts and variants of `function`, sorted."""
        return sorted(name for name in self.symbols if SPLIT.split(name)[0] == function != name)

    @property
    def cflags(self):
        """Definitions for bpf_c/kernel.h."""
        return ["-D" + flag for flag in sorted(self.headers)]


def header_path(release):
    """The directory BCC will take this kernel's headers from, or None."""
    for path in ("/lib/modules/%s/build" % release, "/lib/modules/%s/source" % release,
                 "/usr/src/kernels/%s" % release):
        if os.path.isdir(os.path.join(path, "include")):
            return path
    return None


def header_release(path):
    """The release that the headers at `path` were configured for, or None."""
    found = re.search(r'UTS_RELEASE "([^"]+)"', read_header(path, "generated/utsrelease.h")
                      if path else "")
    return found.group(1) if found else None


def header_roots(path):
    """Debian splits the headers: what `build` lacks is in `source`."""
    roots = [path, os.path.join(os.path.dirname(path.rstrip("/")), "source")]
    common = re.sub(r"-[^-]+$", "-common", os.path.realpath(path))
    return [os.path.join(root, "include") for root in roots + [common]
            if os.path.isdir(os.path.join(root, "include"))]


def read_header(path, name):
    """The text of one header, '' when it is not there."""
    for root in header_roots(path):
        for found in glob.glob(os.path.join(root, name)):
            with open(found, encoding="utf-8", errors="replace") as header:
                return header.read() or " "
    return ""


def find_members(path):
    """The FIM_HAS_* flags of the headers at `path` (None: none)."""
    if path is None:
        return frozenset()
    texts = {name: read_header(path, name) for _, name, _ in MEMBERS}
    return frozenset(flag for flag, name, pattern in MEMBERS
                     if texts[name] and (pattern is None or re.search(pattern, texts[name])))


def read_symbols(path=KALLSYMS):
    """Names of the functions in a symbol list; none where it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            rows = (line.split(None, 3) for line in lines)
            return frozenset(row[2] for row in rows if row[1] in "tT")
    except OSError:
        return frozenset()


def read_traceable(paths=TRACEABLE):
    """The functions that ftrace can stop at; None where it does not say."""
    for path in paths:
        try:
            with open(path, encoding="ascii", errors="replace") as lines:
                return frozenset(line.split(None, 1)[0] for line in lines) or None
        except OSError:
            continue
    return None
