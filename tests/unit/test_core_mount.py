# SPDX-License-Identifier: GPL-2.0-only
"""Mount tables as /proc/PID/mountinfo shows them, and the paths they lead to."""
import json

import pytest
from hypothesis import given, settings, strategies as st

from core_build import Driver

HOST = r"""
1 1 0:1 / / rw - rootfs rootfs rw
20 25 0:4 / /proc rw,nosuid shared:12 - proc proc rw
25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 25 8:2 / /home rw shared:2 master:3 propagate_from:4 unbindable - xfs /dev/sda2 rw
31 25 8:1 /srv/data /data rw - ext4 /dev/sda1 rw
32 30 0:50 / /home/with\040space\134\011x rw - fuse.sshfs me@host:/a\040b rw
33 25 0:51 / /net rw - autofs systemd-1 rw
34 25 8:3 / /mnt rw - ext4 /dev/sda3 rw
35 34 8:4 / /mnt/inner rw - ext4 /dev/sda4 rw
36 34 8:5 / /mnt rw - ext4 /dev/sda5 rw
""".lstrip()


def dev(major, minor):
    return major << 20 | minor


@pytest.fixture(scope="module")
def driver():
    with Driver("mount_driver") as driver:
        yield driver


def ask(driver, text, *questions):
    lines = b"".join(b"%d %s\n" % (device, path.encode()) for device, path in questions)
    return json.loads(driver.ask(text.encode("latin-1") + b"\0" + lines))


def answers(driver, *questions):
    return ask(driver, HOST, *questions)["answers"]


def test_rows(driver):
    table = ask(driver, HOST)
    assert table["malformed"] == 0 and len(table["rows"]) == 10
    assert table["rows"][2] == [
        25, 1, "8:1", "local", "/", "/", "ext4", "/dev/sda1", "rw,relatime", "rw"]
    assert table["rows"][3][3:8] == ["local", "/", "/home", "xfs", "/dev/sda2"]
    assert table["rows"][5] == [
        32, 30, "0:50", "fuse", "/", "/home/with space\\\tx", "fuse.sshfs", "me@host:/a b", "rw", "rw"]
    assert [row[3] for row in table["rows"]] == [
        "local", "pseudo", "local", "local", "local", "fuse", "autofs"] + ["local"] * 3


@pytest.mark.parametrize("line", [
    "", "x", "1", "1 2", "1 2 3", "1 2 3:4", "1 2 3:4 /", "1 2 3:4 / /", "1 2 3:4 / / rw",
    "1 2 3:4 / / rw -", "1 2 3:4 / / rw - ext4", "1 2 3:4 / / rw - ext4 ", "a 2 3:4 / / rw - e s",
    "1 2 34 / / rw - e s", "1 2 3: / / rw - e s", "1 2 4096:0 / / rw - e s",
    "1 2 0:1048576 / / rw - e s", "1 2 3:4 x / rw - e s", "1 2 3:4 / y rw - e s",
    "99999999999 2 3:4 / / rw - e s", "4294967296 2 3:4 / / rw - e s", "1 2 3:4  / rw - e s",
])
def test_a_malformed_line_is_counted(driver, line):
    table = ask(driver, line + "\n" + HOST)
    assert table["malformed"] == 1 and len(table["rows"]) == 10


def test_escapes_at_the_end(driver):
    rows = ask(driver, "1 0 8:1 / /a\\04 rw - t s\\400\\134\n2 0 8:1 / /b\\ rw - \\164 \\040")["rows"]
    assert [row[5:8] for row in rows] == [["/a\\04", "t", "s\\400\\"], ["/b\\", "t", " "]]


def test_paths(driver):
    assert answers(driver, (dev(8, 2), "/x"), (dev(8, 2), "/"), (dev(9, 9), "/x")) == [
        [1, "/home/x", 25, 1, None, None], [1, "/home", 25, 1, 25, None],
        [0, None, 25, 0, None, None]]


def test_a_bind_mount_makes_two(driver):
    (both, top, root, near) = answers(
        driver, (dev(8, 1), "/srv/data/f"), (dev(8, 1), "/srv/data"), (dev(8, 1), "/etc"),
        (dev(8, 1), "/srv/data2"))
    assert both[:2] == [2, "/data/f"] and both[3] == 2
    assert top[:2] == [2, "/data"]
    assert root[:2] == [1, "/etc"] and near[:2] == [1, "/srv/data2"]


def test_what_is_covered_is_not_reached(driver):
    covered, inner, cover = answers(
        driver, (dev(8, 3), "/f"), (dev(8, 4), "/f"), (dev(8, 5), "/f"))
    assert covered[0] == 0 and inner[0] == 0
    assert cover[:2] == [1, "/mnt/f"]
    # On the root's superblock, /home/x is under the mount of /home.
    assert answers(driver, (dev(8, 1), "/home/x"))[0][0] == 0


def test_what_lies_on_a_place(driver):
    """By the place in its superblock, through whatever mount of it."""
    on = [answer[5] for answer in answers(
        driver, (dev(8, 1), "/home"), (dev(8, 1), "/data"), (dev(8, 1), "/srv/data"),
        (dev(8, 2), "/with space\\\tx"), (dev(8, 3), "/inner"), (dev(8, 3), "/"), (dev(8, 5), "/"))]
    assert on == [30, 31, None, 32, 35, 36, None]


def test_the_mount_of_a_path(driver):
    at = [answer[2] for answer in answers(
        driver, (0, "/"), (0, "/etc"), (0, "/home"), (0, "/homes"), (0, "/mnt/inner/x"),
        (0, "/home/with space\\\tx/y"), (0, "/proc/1"))]
    assert at == [25, 25, 30, 25, 36, 32, 20]


def test_what_is_mounted_on_a_path(driver):
    """A mount that is covered, or below one that is, is not met there."""
    on = [answer[4] for answer in answers(
        driver, (0, "/home"), (0, "/home/"), (0, "/hom"), (0, "/home/with space\\\tx"),
        (0, "/mnt"), (0, "/mnt/inner"), (0, "/proc"))]
    assert on == [30, None, None, 32, 36, None, 20]


def test_a_circle_ends(driver):
    text = "1 2 8:1 / / rw - t s\n2 1 8:1 / / rw - t s\n"
    assert ask(driver, text, (dev(8, 1), "/x"))["answers"][0][0] == 0
    text = "1 9 8:1 / / rw - t s\n2 1 8:1 / / rw - t s\n1 2 8:1 / / rw - t s\n"
    ask(driver, text, (dev(8, 1), "/x"))


def test_too_long(driver):
    assert answers(driver, (dev(8, 2), "/" + "n" * 300))[0][0] == -36


def test_the_own_table(driver):
    table = json.loads(driver.ask(b""))
    assert (table["result"], table["malformed"]) == (0, 0)
    with open("/proc/self/mountinfo") as file:
        assert len(table["rows"]) == len(file.readlines())
    assert any(row[5] == "/" for row in table["rows"])


@settings(max_examples=150, deadline=None)
@given(st.one_of(
    st.text(alphabet="0123456789:/ -\\\nabx", max_size=200),
    st.lists(st.sampled_from(HOST.replace("\n", " \n ").split(" ")), max_size=60).map(" ".join),
))
def test_any_text(driver, text):
    if text:
        ask(driver, text, (dev(8, 1), "/etc/x"), (dev(8, 2), "/"), (0, "x"))
