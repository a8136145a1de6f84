"""What can switch every probe of this kernel off, and how it is switched on again."""

from collections import namedtuple

__all__ = ["SWITCHES", "switched_off"]

Switch = namedtuple("Switch", "name path off what mend")

SWITCHES = (
    Switch("kprobes on", "/sys/kernel/debug/kprobes/enabled", "0",
           "kprobes are switched off", "echo 1 > /sys/kernel/debug/kprobes/enabled"),
    # Silences every probe at a function's entry, and kprobes/enabled still reads 1.
    Switch("ftrace on", "/proc/sys/kernel/ftrace_enabled", "0",
           "ftrace is switched off", "sysctl kernel.ftrace_enabled=1"),
)


def setting(path):
    """What a file of one word says, None where it is not to be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def switched_off():
    """The first Switch that is off, or None."""
    return next((switch for switch in SWITCHES if setting(switch.path) == switch.off), None)
