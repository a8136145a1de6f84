"""The facts that the choice of hooks rests on, recorded on one booted kernel as JSON.

`fim doctor --facts` writes them, and the choice is tested on what it wrote; they are
never written by hand.
"""

import datetime
import os
import re

from fim import hooks
from fim.kernel import MEMBERS, SPLIT, Kernel

__all__ = ["of_record", "record"]

BTF = "/sys/kernel/btf/vmlinux"
OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
# Where another candidate would be looked for.
FAMILIES = re.compile(
    r"(security_(inode|path|file|sb|d|move|mmap)_|evm_|vfs_|d_[a-z]|file_|kiocb_|mnt_|locks_"
    r"|notify_change|chmod_common|chown_common|utimes_common|do_truncate|do_sys_f?truncate"
    r"|do_utimes|do_filp_open|inode_permission|perf_trace_sys_|btrfs_ioctl"
    r"|__(x64|ia32|arm64)_sys_(mount|file)_setattr)")


def named():
    """Every function that a row names."""
    return {hooks.symbol(hook.function) for hook in hooks.HOOKS + hooks.LEARN}


def matters(symbol, functions):
    """Whether the choice of hooks, today's or one to come, could ask for it."""
    return SPLIT.split(symbol)[0] in functions or FAMILIES.match(symbol) is not None


def distribution():
    """What the user space calls itself, None where it does not."""
    for path in OS_RELEASE:
        try:
            with open(path, encoding="utf-8", errors="replace") as lines:
                found = re.search(r'^PRETTY_NAME="?([^"\n]*)', lines.read(), re.M)
                return found.group(1) if found else None
        except OSError:
            continue
    return None


def origin(kernel, version):
    """Where and when the facts were found."""
    machine = os.uname()
    return {"release": kernel.release, "build": machine[3], "machine": machine[4],
            "user_space": distribution(), "written_by": "fim %s doctor --facts" % version,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}


def record(kernel, version):
    """The facts of the running kernel, for json.dump()."""
    functions = named()
    symbols = sorted(symbol for symbol in kernel.symbols if matters(symbol, functions))
    untraceable = (None if kernel.traceable is None
                   else [symbol for symbol in symbols if symbol not in kernel.traceable])
    return {"origin": origin(kernel, version), "kprobe_pmu": kernel.kprobe_pmu,
            "btf": os.path.exists(BTF), "headers_of": kernel.built_for,
            "probed": sorted(flag for flag, _, _ in MEMBERS),
            "headers": sorted(kernel.headers), "not_traceable": untraceable, "symbols": symbols}


def of_record(facts):
    """The Kernel that record() was given, as far as it was recorded."""
    traceable = (None if facts["not_traceable"] is None
                 else set(facts["symbols"]) - set(facts["not_traceable"]))
    return Kernel(facts["origin"]["release"], facts["symbols"], facts["headers"],
                  "recorded" if facts["headers"] else None, facts["kprobe_pmu"],
                  facts["headers_of"], traceable)
