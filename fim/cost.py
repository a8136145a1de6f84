"""What our programs cost the kernel, where it counts that: /proc/self/fdinfo of each."""

import contextlib
import re

__all__ = ["HOW", "kernel_seconds"]

SWITCH = "/proc/sys/kernel/bpf_stats_enabled"  # since 5.1; it costs a little itself
FDINFO = "/proc/self/fdinfo/%d"
TIME = re.compile(r"^run_time_ns:\s*(\d+)$", re.M)
HOW = "not counted: sysctl kernel.bpf_stats_enabled=1 has it counted, on kernels since 5.1"


def is_counted(path=SWITCH):
    """Whether the kernel does now."""
    with contextlib.suppress(OSError, ValueError), open(path) as file:
        return int(file.read()) != 0
    return False


def nanoseconds(path):
    """Of one program, with those that it called; 0 where it does not say."""
    with contextlib.suppress(OSError), open(path) as file:
        found = TIME.search(file.read())
        return int(found.group(1)) if found else 0
    return 0


def kernel_seconds(programs, switch=SWITCH, fdinfo=FDINFO):
    """Of the programs that these descriptors are of, since they were loaded and as long as it was
    counted; None where it is not."""
    if not is_counted(switch):
        return None
    return round(sum(nanoseconds(fdinfo % descriptor) for descriptor in programs) / 1e9, 3)
