"""Unpacks a bzImage on the host: inflating it under emulation takes longer than the boot."""

import lzma
import shutil
import struct
import subprocess
import zlib

PVH_NOTE = struct.pack("<I4s", 18, b"Xen\0")  # where QEMU finds the entry of an ELF kernel


def extract(vmlinuz, out):
    """Write to `out` the ELF kernel inside `vmlinuz`, or a plain copy if QEMU cannot start it."""
    with open(vmlinuz, "rb") as image:
        kernel = _inflate(_payload(image.read()))
    if kernel.startswith(b"\x7fELF") and PVH_NOTE in kernel:
        with open(out, "wb") as image:
            image.write(kernel)
    else:
        shutil.copy(vmlinuz, out)


def _payload(image):
    """The compressed kernel; offsets from Documentation/arch/x86/boot.rst."""
    if image[0x202:0x206] != b"HdrS":
        return b""
    start = (image[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    return image[start + offset:start + offset + length - 4]


def _inflate(payload):
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        # Its last word is gzip's own length, which other formats have appended: cut above.
        return zlib.decompressobj(wbits=31).decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE).stdout
    return b""
