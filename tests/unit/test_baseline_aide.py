# SPDX-License-Identifier: GPL-2.0-only
"""AIDE, which shares nothing with us, finds the same in a changed copy of a system tree."""
import json
import os
import random
import shutil
import struct
import subprocess
import time

import pytest

from trees import Tree

CHANGES = 300
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
CONFIG = """
database_in=file:{place}/aide.db
database_out=file:{place}/aide.db
gzip_dbout=no
log_level=error
report_format=json
{top} p+ftype+i+n+u+g+s+m+c+l+acl+selinux+xattrs+e2fsattrs+caps+sha256
"""


class Vandal:
    """Does to the files of a tree what can be done to files, each file once."""

    def __init__(self, top, seed):
        self.chance = random.Random(seed)
        self.directories, self.files, self.made = [], [], 0
        for directory, _, names in os.walk(top):
            paths = [os.path.join(directory, name) for name in names]
            self.directories.append(directory)
            self.files += [path for path in paths if not os.path.islink(path)]
        self.acts = [act for name, act in sorted(vars(Vandal).items()) if name.startswith("do_")]

    def pick(self):
        return self.files.pop(self.chance.randrange(len(self.files)))

    def fresh(self):
        self.made += 1
        return os.path.join(self.chance.choice(self.directories), "made%d" % self.made)

    def act(self):
        self.chance.choice(self.acts)(self)

    def do_create(self):
        with open(self.fresh(), "w") as file:
            file.write("x")

    def do_append(self):
        with open(self.pick(), "ab") as file:
            file.write(b"x")

    def do_alter_and_hide(self):
        path = self.pick()
        st = os.stat(path)
        with open(path, "r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes(255 - byte for byte in first))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def do_write_over(self):
        path, new = self.pick(), self.fresh()
        with open(new, "w") as file:
            file.write("x")
        os.rename(new, path)

    def do_swap(self):
        one, other, between = self.pick(), self.pick(), self.fresh()
        os.rename(one, between)
        os.rename(other, one)
        os.rename(between, other)

    def do_remove(self):
        os.unlink(self.pick())

    def do_chmod(self):
        os.chmod(self.pick(), 0o4711)

    def do_chown(self):
        os.chown(self.pick(), 7, 8)

    def do_cut(self):
        os.truncate(self.pick(), 0)

    def do_touch(self):
        os.utime(self.pick(), (5, 5))

    def do_set_xattr(self):
        os.setxattr(self.pick(), "user.x", b"1")

    def do_set_capability(self):
        os.setxattr(self.pick(), "security.capability", CAPABILITY)

    def do_set_flag(self):
        subprocess.check_call(["chattr", "+d", self.pick()])

    def do_replace_by_link(self):
        path = self.pick()
        os.unlink(path)
        os.symlink("/x", path)

    def do_replace_by_directory(self):
        path = self.pick()
        os.unlink(path)
        os.mkdir(path)

    def do_move(self):
        os.rename(self.pick(), self.fresh())

    def do_link(self):
        os.link(self.pick(), self.fresh())

    def do_make_fifo(self):
        os.mkfifo(self.fresh())


def theirs(place, top):
    """{what: paths} by AIDE; initialised when there is no database yet."""
    config = os.path.join(place, "aide.conf")
    verb = "--check" if os.path.exists(config) else "--init"
    with open(config, "w") as file:
        file.write(CONFIG.format(place=place, top=top))
    out = subprocess.run(["aide", "--config", config, verb], stdout=subprocess.PIPE).stdout
    if verb == "--init":
        return None
    said = json.loads(out.decode())
    return {"new": set(said["added"]), "removed": set(said["removed"]),
            "changed": set(said["changed"])}


def ours(findings):
    """The same by fim: a move is a name more and a name less."""
    found = {"new": set(), "removed": set(), "changed": set()}
    for finding in findings.values():
        if finding["state"] == "moved":
            found["new"].add(finding["path"])
            found["removed"].add(finding["old_path"])
        else:
            found[finding["state"]].add(finding["path"])
    return found


@pytest.mark.skipif(not shutil.which("aide"), reason="no aide here")
@pytest.mark.skipif(os.geteuid() != 0, reason="not every change can be made but by root")
def test_aide_finds_the_same(tmp_path):
    tree = Tree(tmp_path)
    subprocess.check_call(["cp", "-a", "/etc", tree.path("etc")])
    if subprocess.call(["chattr", "+d", tree.write("try")], stderr=subprocess.DEVNULL):
        pytest.skip("no file flags here")
    theirs(str(tmp_path), tree.top)
    tree.init()
    time.sleep(1)  # in which nothing changes, for AIDE's times are of seconds
    vandal = Vandal(tree.top, 1)
    for _ in range(CHANGES):
        vandal.act()
    expected, found = theirs(str(tmp_path), tree.top), ours(tree.check()[1])
    assert len(found["changed"]) > 100 and found["new"] == expected["new"]
    assert found["removed"] == expected["removed"]
    assert found["changed"] <= expected["changed"]
    # AIDE tells the times of every directory in which a name came or went.
    explained = expected["changed"] - found["changed"]
    touched = {os.path.dirname(path) for what in expected.values() for path in what}
    assert all(os.path.isdir(path) for path in explained) and explained <= touched
