# SPDX-License-Identifier: GPL-2.0-only
"""Patterns of names that are not wanted."""
import pytest

from core_build import Driver


@pytest.fixture(scope="module")
def driver():
    with Driver("exclude_driver") as driver:
        yield driver


@pytest.mark.parametrize("path,patterns,answer", [
    (b"/etc/a.swp", [b"*.swp"], b"mc"),
    (b"/etc/a.swp", [b"b", b"*.swp"], b"mc"),
    (b"/etc/a.swp/b", [b"*.swp"], b"c"),
    (b"/etc/a.swpx", [b"*.swp"], b""),
    (b"/etc/a", [], b""),
    (b"/etc/a", [b"etc"], b"c"),
    (b"/etc/a", [b"/etc"], b"c"),
    (b"/etc/a", [b"/etc/?"], b"mc"),
    (b"/etc/a/b", [b"/etc/*"], b"mc"),
    (b"/etc/a", [b"a/"], b""),
    (b"/", [b"/"], b"mc"),
    (b"/", [b"*"], b"mc"),
    (b"/etc/.hidden", [b"*hidden"], b"mc"),
    (b"/etc/caf\xe9", [b"caf\xe9"], b"mc"),
    (b"/etc/[x]", [b"[[]x]"], b"mc"),
])
def test_patterns(driver, path, patterns, answer):
    ended = b"".join(pattern + b"\0" for pattern in patterns)
    assert driver.ask(path + b"\0" + ended) == answer
