# SPDX-License-Identifier: GPL-2.0-only
"""Mount acts by system call, here or in a mount namespace of a child's own."""
import ctypes
import ctypes.util
import errno
import os
import signal
import struct

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 1, 32, 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
CLONE_NEWNS = 0x20000
PIVOT_ROOT, MOUNT_SETATTR, OPEN_TREE, MOVE_MOUNT = 155, 442, 428, 429  # x86-64
AT_FDCWD = -100
MOUNT_ATTR_RDONLY = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
OPEN_TREE_CLONE = 1

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def check(result):
    """The result, or OSError."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mount(source, point, kind=None, flags=0):
    check(LIBC.mount(os.fsencode(source), os.fsencode(point), kind and kind.encode(), flags, None))


def bind(source, point, flags=0):
    mount(source, point, flags=MS_BIND | flags)


def tmpfs(point):
    mount("none", point, "tmpfs")


def move(source, point):
    mount(source, point, flags=MS_MOVE)


def umount(point, flags=0):
    check(LIBC.umount2(os.fsencode(point), flags))


def own_namespace():
    """Mounts from now on end with this process."""
    check(LIBC.unshare(CLONE_NEWNS))
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def pivot_root(new_root, put_old):
    check(LIBC.syscall(PIVOT_ROOT, os.fsencode(new_root), os.fsencode(put_old)))


def set_read_only(point, on):
    """mount_setattr(2); False where this kernel has none."""
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY if on else 0,
                             0 if on else MOUNT_ATTR_RDONLY, 0, 0)
    return have(LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, os.fsencode(point), 0, attributes,
                             len(attributes)))


def attach_copy(source, point):
    """open_tree(2) and move_mount(2); False where this kernel has neither."""
    tree = LIBC.syscall(OPEN_TREE, AT_FDCWD, os.fsencode(source), OPEN_TREE_CLONE)
    if not have(tree):
        return False
    check(LIBC.syscall(MOVE_MOUNT, tree, b"", AT_FDCWD, os.fsencode(point),
                       MOVE_MOUNT_F_EMPTY_PATH))
    os.close(tree)
    return True


def have(result):
    """Whether the call is there."""
    if result < 0 and ctypes.get_errno() == errno.ENOSYS:
        return False
    return check(result) >= 0


class Elsewhere:
    """A child in a mount namespace of its own, which acts when it is told to and stays."""

    def __init__(self, act):
        self.asked, ask = os.pipe()
        done, self.done = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                own_namespace()
                act()
                os.write(self.done, b"+")
                signal.pause()
            finally:
                os._exit(1)
        os.close(self.asked)
        os.close(self.done)
        os.close(ask)
        assert os.read(done, 1) == b"+"
        os.close(done)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
