# SPDX-License-Identifier: GPL-2.0-only
"""The block device below a watched file system, opened for writing."""
import fcntl
import os

import pytest

LOOP_SET_FD, LOOP_CLR_FD, LOOP_CTL_GET_FREE = 0x4C00, 0x4C01, 0x4C82


@pytest.fixture
def disk(any_room):
    """The device that the watched file system is on."""
    with open("/proc/mounts") as lines:
        sources = {line.split()[1]: line.split()[0] for line in lines}
    path = sources[os.path.dirname(any_room.base)]
    assert path.startswith("/dev/"), "the first file system must be on a disk"
    return path


def open_for(path, flags):
    os.close(os.open(path, flags))


def test_opened_for_writing(any_room, disk, cell):
    cell("open_block_device", "directly", any_room.kind)
    descriptor = os.open(disk, os.O_RDWR)
    event, = any_room.events()
    os.close(descriptor)
    assert (event["op"], event["path"], event["result"]) == ("open", disk, "success")
    assert event["holds"] == os.path.dirname(any_room.base)
    number = os.stat(disk).st_rdev
    assert event["rdev"] == "%d:%d" % (os.major(number), os.minor(number))
    assert event["file"]["type"] == "block" and event["process"]["pid"] == os.getpid()


def test_by_another_node(any_room, disk, scratch):
    """The number is what counts."""
    node = str(scratch / "node")
    os.mknod(node, 0o60600, os.stat(disk).st_rdev)
    descriptor = os.open(node, os.O_WRONLY)
    event, = any_room.events()
    os.close(descriptor)
    assert (event["op"], event["path"], event["result"]) == ("open", node, "success")


def test_what_failed_is_not_called_a_success(any_room, disk):
    """A mounted device is not given to one alone."""
    with pytest.raises(OSError):
        os.open(disk, os.O_WRONLY | os.O_EXCL)
    event, = any_room.events()
    assert (event["op"], event["result"]) == ("open", "unknown")


def test_opened_for_reading(any_room, disk):
    open_for(disk, os.O_RDONLY)
    assert any_room.events() == []


def test_another_device(any_room, scratch):
    node = str(scratch / "other")
    os.mknod(node, 0o60600, os.makedev(7, 0))  # /dev/loop0
    try:
        open_for(node, os.O_WRONLY)
    except OSError:
        pass  # nobody has it
    assert any_room.events() == []


def test_a_watched_file_as_a_loop_device(room, cell):
    cell("loop_device", "directly", room.kind)
    path = room.join("image")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    with open("/dev/loop-control", "rb") as control:
        number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
    room.forget()
    with open(path, "r+b") as image, open("/dev/loop%d" % number, "r+b", buffering=0) as loop:
        fcntl.ioctl(loop, LOOP_SET_FD, image.fileno())
        event, = room.events()
        loop.write(b"raw" * 512)
        os.fsync(loop.fileno())
        written = room.events()
        fcntl.ioctl(loop, LOOP_CLR_FD)
    assert (event["op"], event["path"], event["result"]) == ("open", path, "success")
    assert event["rdev"] == "7:%d" % number and event["holds"] is None
    assert [(event["op"], event["path"]) for event in written] == [("modify", path)]
