# SPDX-License-Identifier: GPL-2.0-only
"""Names of users, and that the cache is bounded and correct under pressure."""
import pwd
import struct

from core_build import Driver


def test_names():
    with Driver("users_driver") as driver:
        def name(uid, now):
            return driver.ask(struct.pack("=II", uid, now)).decode()

        for now in (0, 1, 59, 60, 61, 1000):
            for user in pwd.getpwall():
                assert name(user.pw_uid, now) == pwd.getpwuid(user.pw_uid).pw_name
            for uid in range(3000000000, 3000000150):
                assert name(uid, now) == ""
            assert name(0xFFFFFFFF, now) == ""
        assert name(0, 2000) == "root"
