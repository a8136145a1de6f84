"""Which machine this is, as every record says it."""

import json
import os

__all__ = ["boot_id", "describe"]


def first_line(path):
    """The first line of a small file, None where it cannot be read."""
    try:
        with open(path, encoding="ascii") as lines:
            return lines.readline().strip() or None
    except OSError:
        return None


def boot_id():
    """Random per boot; '' where the kernel does not tell."""
    return first_line("/proc/sys/kernel/random/boot_id") or ""


def describe():
    """The `host` member of a record, as JSON."""
    return json.dumps({"name": os.uname()[1], "machine_id": first_line("/etc/machine-id"),
                       "boot_id": boot_id() or None})
