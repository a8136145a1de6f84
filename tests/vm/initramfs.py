"""Builds the guest's first file system: busybox, kernel modules, init script, settings."""

import lzma
import os
import stat
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")

# What every guest needs; a file system for a disk is loaded only when there is such a disk.
MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "9pnet_virtio", "9p",
           "overlay", "crc32c_generic", "ext4", "loop")


def write(path, kernel, disks, settings, command):
    """Write an uncompressed cpio archive, which the kernel unpacks the fastest."""
    files = [("init", 0o755, _script("init.sh")), ("session", 0o755, _script("session.sh")),
             ("command", 0o755, command.encode()), ("settings", 0o644, settings.encode()),
             ("bin/busybox", 0o755, _read(_busybox()))]
    modules = _in_order(kernel.modules, MODULES + tuple(disks)) if kernel.modules else []
    files.append(("modules", 0o644, "".join(name + "\n" for name, _ in modules).encode()))
    files.extend((name, 0o644, _inflated(source)) for name, source in modules)
    with open(path, "wb") as out:
        for number, (name, mode, data) in enumerate([("bin", None, b"")] + files):
            out.write(_entry(number, name, mode, data))
        out.write(_entry(0, "TRAILER!!!", 0o644, b""))


def _entry(number, name, mode, data):
    """One member of a cpio archive of the "newc" kind; no mode means a directory."""
    kind = stat.S_IFDIR | 0o755 if mode is None else stat.S_IFREG | mode
    fields = (number, kind, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def _script(name):
    return _read(os.path.join(HERE, name))


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _busybox():
    found = [path for path in BUSYBOX if os.path.exists(path)]
    if not found:
        raise FileNotFoundError("no busybox: install the package busybox-static")
    return found[0]


def _in_order(directory, wanted):
    """(name, path) of the wanted modules, each after those that it depends on."""
    needs = _dependencies(directory)
    order = []
    for name in wanted:
        for path in reversed(needs.get(name, [])):  # a module that is built in has no row
            if path not in order:
                order.append(path)
    return [(_module_name(path) + ".ko", os.path.join(directory, path)) for path in order]


def _dependencies(directory):
    """Name -> paths: the module itself, then what it needs, the deepest last."""
    rows = {}
    with open(os.path.join(directory, "modules.dep")) as listing:
        for line in listing:
            path, _, needs = line.partition(":")
            rows[_module_name(path)] = [path] + needs.split()
    return rows


def _module_name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def _inflated(path):
    if path.endswith(".xz"):
        return lzma.decompress(_read(path))
    if path.endswith(".zst"):
        return subprocess.check_output(["zstd", "-dcq", path])
    return _read(path)
