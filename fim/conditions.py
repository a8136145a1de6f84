"""What this host allows: each condition is one question, answered without loading anything."""

import os
import re
import resource

from fim import hooks, needs, rights
from fim.diagnosis import BLIND, DEGRADED, OK, Finding
from fim.switches import SWITCHES, setting

__all__ = ["of_host", "of_kernel"]

DEBUGFS = "/sys/kernel/debug"
TRACEFS = ("/sys/kernel/tracing/kprobe_events", "/sys/kernel/debug/tracing/kprobe_events")
ENFORCE = "/sys/fs/selinux/enforce"
AUDIT_LOG = "/var/log/audit/audit.log"
AUDIT_TAIL = 1 << 20
# By the monitor, and by the loader, which has the name of its interpreter. One pattern counts
# them, and finds them for the mend.
DENIED = 'avc: .*comm="(fim|(platform-)?python[0-9.]*)".*tclass=(bpf|perf_event|lockdown)( |$)'
ALLOW = "ausearch -m avc --raw | grep -E '%s' | audit2allow -M fim && semodule -i fim.pp" % DENIED
FIPS = "/proc/sys/crypto/fips_enabled"
BTF = "/sys/kernel/btf/vmlinux"
MEMLOCK_LEAST = 64 << 20


def may_load(root):
    """Capabilities and lockdown, as far as nothing works without."""
    why = rights.refusal(root)
    return Finding(BLIND if why else OK, "rights", why or "programs may be loaded")


def capabilities(root):
    """Those that it goes without, worse."""
    rows = rights.lacking(root)
    if not rows:
        return Finding(OK, "capabilities", "all that it needs")
    return Finding(DEGRADED, "capabilities", "no %s: run it as root" % ", ".join(
        "%s (%s)" % (row.name, row.purpose) for row in rows))


def debugfs(root):
    """Without it nobody can read whether kprobes are on."""
    if os.path.isdir(root + DEBUGFS + "/kprobes"):
        return Finding(OK, "debugfs", "mounted")
    return Finding(OK, "debugfs", "not mounted: whether kprobes are on is not known, but the "
                   "canary tells: mount -t debugfs debugfs " + DEBUGFS)


def tracefs(root):
    """It says which functions are probed by ftrace, which costs less."""
    if any(os.path.exists(root + path) for path in TRACEFS):
        return Finding(OK, "tracefs", "mounted")
    return Finding(OK, "tracefs", "not mounted, not needed: mount -t tracefs tracefs "
                   "/sys/kernel/tracing")


def switch(root, row):
    """One of what can switch every probe off."""
    value = setting(root + row.path)
    if value == row.off:
        return Finding(BLIND, row.name, "%s: %s" % (row.what, row.mend))
    return Finding(OK, row.name, "not known" if value is None else "yes")


def lockdown(root):
    """Its higher level is among the rights."""
    return Finding(OK, "lockdown", rights.locked_down(root))


def denials(path):
    """How many refusals of BPF the end of the audit log has."""
    try:
        with open(path, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - AUDIT_TAIL))
            return len(re.findall(DENIED.encode("ascii"), log.read(), re.M))
    except OSError:
        return 0


def selinux(root):
    """Its mode, and whether it has refused BPF lately."""
    mode = {None: "none", "0": "permissive", "1": "enforcing"}.get(setting(root + ENFORCE), "?")
    refused = denials(root + AUDIT_LOG)
    if refused and mode == "enforcing":
        return Finding(DEGRADED, "selinux", "enforcing, %d denials of BPF in %s: %s"
                       % (refused, AUDIT_LOG, ALLOW))
    return Finding(OK, "selinux", mode)


def memlock(root):
    """Up to 5.10 maps are counted against it; bcc raises it where it may."""
    del root
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if hard == resource.RLIM_INFINITY or hard >= MEMLOCK_LEAST or os.geteuid() == 0:
        return Finding(OK, "memlock", "unlimited" if soft == resource.RLIM_INFINITY
                       else "%d KiB, which the loader raises" % (soft >> 10))
    return Finding(DEGRADED, "memlock", "%d KiB: ulimit -l unlimited, or LimitMEMLOCK=infinity "
                   "in the unit" % (hard >> 10))


def fips(root):
    """The default digest is allowed in it; others are not."""
    on = setting(root + FIPS) == "1"
    return Finding(OK, "fips", "on: sha256 and its like only" if on else "off")


def btf(root):
    """It is not needed."""
    return Finding(OK, "btf", "there, not needed" if os.path.exists(root + BTF)
                   else "none, not needed")


def bcc(root):
    """Some interpreter must have it."""
    found = needs.bcc_version()
    if found:
        return Finding(OK, "bcc", "%s (%s)" % (found[1], found[0]))
    return Finding(BLIND, "bcc", "no interpreter can import it: install "
                   + needs.bcc_package(root))


def of_host(root=""):
    """Every condition that does not ask which kernel it is."""
    for condition in (may_load, capabilities):
        yield condition(root)
    for row in SWITCHES:
        yield switch(root, row)
    for condition in (debugfs, tracefs, lockdown, selinux, memlock, fips, btf, bcc):
        yield condition(root)


def kprobes(kernel):
    """perf opens them."""
    return Finding(OK if kernel.kprobe_pmu else BLIND, "kprobes", "by perf" if kernel.kprobe_pmu
                   else "none: boot a kernel with CONFIG_KPROBES")


def headers(kernel):
    """Whether there are headers, and whether they are this kernel's."""
    mend = "install %s" % needs.header_package(kernel.release)
    if kernel.header_path is None:
        return Finding(BLIND, "headers", "none: " + mend)
    if kernel.built_for not in (None, kernel.release):
        return Finding(BLIND, "headers", "%s is of kernel %s: %s"
                       % (kernel.header_path, kernel.built_for, mend))
    return Finding(OK, "headers", kernel.header_path)


def split(kernel, operation):
    """The parts that the compiler has left of its functions."""
    parts = [part for hook in hooks.HOOKS if hook.operation == operation
             for part in kernel.parts(hooks.symbol(hook.function))
             if not kernel.has(hook.function)]
    return ", only " + ", ".join(dict.fromkeys(parts)) if parts else ""


def symbols(kernel):
    """Whether every operation has its functions."""
    if not kernel.symbols:
        return Finding(BLIND, "symbols", "none can be read: is /proc mounted, and is there a "
                       "System.map of %s?" % kernel.release)
    chosen = hooks.choose(kernel)
    lacking = hooks.uncovered(chosen)
    functions = {hooks.symbol(hook.function) for hook in chosen}
    unlisted = sorted(functions - (kernel.traceable or functions))
    if lacking:
        return Finding(DEGRADED, "symbols", "not seen here: %s" % "; ".join(
            "%s (%s%s)" % (operation, why, split(kernel, operation))
            for operation, why in sorted(lacking.items())))
    return Finding(OK, "symbols", "%d functions to hook%s" % (
        len(functions), ", not by ftrace: " + ", ".join(unlisted) if unlisted else ""))


def of_kernel(kernel):
    """Every condition that can be asked of one that is installed and not running, too."""
    for condition in (kprobes, headers, symbols):
        yield condition(kernel)
