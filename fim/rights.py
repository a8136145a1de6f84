"""What a process must be allowed to do: capabilities, and the kernel's lockdown."""

import re
from collections import namedtuple

from fim.switches import setting

__all__ = ["lacking", "locked_down", "refusal"]

STATUS = "/proc/self/status"
LOCKDOWN = "/sys/kernel/security/lockdown"

# `any_of`: sets of bits (linux/capability.h), one of which will do.
Capability = namedtuple("Capability", "name any_of vital purpose")

CAPABILITIES = (
    Capability("CAP_SYS_ADMIN", ({21}, {38, 39}), True, "loading programs"),
    Capability("CAP_DAC_READ_SEARCH", ({2}, {1}), False, "reading what is watched"),
    Capability("CAP_SYS_PTRACE", ({19},), False, "finding what was open before the start"),
    Capability("CAP_SYS_RESOURCE", ({24},), False, "locking memory, up to 5.10"),
)


def lacking(root=""):
    """The rows of CAPABILITIES that this process does not have."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", setting(root + STATUS) or "", re.M)
    held = int(found.group(1), 16) if found else 0
    return [row for row in CAPABILITIES
            if not any(all(held >> bit & 1 for bit in bits) for bits in row.any_of)]


def locked_down(root=""):
    """"none", "integrity" or "confidentiality"; the last hides the kernel's memory from BPF."""
    found = re.search(r"\[(\w+)\]", setting(root + LOCKDOWN) or "")
    return found.group(1) if found else "none"


def refusal(root=""):
    """Why this process cannot load programs, and the mend; None where it can."""
    names = [row.name for row in lacking(root) if row.vital]
    if names:
        return ("no %s: run it as root on the host itself, or in a privileged container"
                % ", ".join(names))
    if locked_down(root) == "confidentiality":
        return ("the kernel is locked down (confidentiality), and programs may not read its "
                "memory: boot with lockdown=integrity")
    return None
