# SPDX-License-Identifier: GPL-2.0-only
"""Every kind of change is found, with before and after; what is accepted is what was shown."""
import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys

import pytest

from core_build import ROOT
from trees import Tree

NEW, REMOVED, CHANGED = 1, 2, 4
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
MASKED_ACL = struct.pack("<I" + "HHI" * 5, 2, 1, 6, 2**32 - 1, 2, 4, 1000, 4, 4, 2**32 - 1,
                         0x10, 4, 2**32 - 1, 0x20, 4, 2**32 - 1)
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


@pytest.fixture
def tree(tmp_path):
    """One of everything."""
    made = Tree(tmp_path)
    made.write("a", "one\n")
    made.write("b", "two\n")
    made.write("empty", "")
    made.write("dir/in", "in\n")
    made.write("dir-file")  # sorts between dir and dir/in
    made.write("log", "first\n")
    os.symlink("a", made.path("link"))
    os.mkfifo(made.path("fifo"))
    os.mkdir(made.path("other"))
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(made.path("socket"))
    with open(made.path("sparse"), "wb") as file:
        file.truncate(1 << 20)
    return made


def replace_by_link(tree):
    os.unlink(tree.path("a"))
    os.symlink("b", tree.path("a"))


def swap(tree):
    os.rename(tree.path("a"), tree.path("x"))
    os.rename(tree.path("b"), tree.path("a"))
    os.rename(tree.path("x"), tree.path("b"))


def rewrite_in_place(tree):
    """Same size, and the times put back: only ctime and the hash can tell."""
    st = os.stat(tree.path("a"))
    tree.write("a", "ONE\n")
    os.utime(tree.path("a"), ns=(st.st_atime_ns, st.st_mtime_ns))


def append(tree, name):
    with open(tree.path(name), "ab") as file:
        file.write(b"more\n")


def retarget(tree):
    os.unlink(tree.path("link"))
    os.symlink("b", tree.path("link"))


def set_flag(tree):
    if subprocess.call(["chattr", "+d", tree.path("a")], stderr=subprocess.DEVNULL):
        pytest.skip("this file system has no file flags")


def file_for_directory(tree):
    os.rmdir(tree.path("other"))
    tree.write("other")


# act: (what is done, {path: (state, what differs at least)}, exit status)
ACTS = {
    "new": (lambda t: t.write("n"), {"n": ("new", set())}, NEW),
    "new directory": (lambda t: t.write("d2/d3/x"), {
        "d2": ("new", set()), "d2/d3": ("new", set()), "d2/d3/x": ("new", set())}, NEW),
    "removed": (lambda t: os.unlink(t.path("a")), {"a": ("removed", set())}, REMOVED),
    "content": (lambda t: t.write("a", "1\n"), {"a": ("changed", {"size", "hash"})}, CHANGED),
    "content, times put back": (rewrite_in_place, {"a": ("changed", {"ctime", "hash"})}, CHANGED),
    "grown": (lambda t: append(t, "a"), {"a": ("changed", {"size", "hash"})}, CHANGED),
    "cut": (lambda t: os.truncate(t.path("a"), 1), {"a": ("changed", {"size", "hash"})}, CHANGED),
    "mode": (lambda t: os.chmod(t.path("a"), 0o4755), {"a": ("changed", {"mode"})}, CHANGED),
    "mode of a directory": (lambda t: os.chmod(t.path("other"), 0o700),
                            {"other": ("changed", {"mode"})}, CHANGED),
    "mode of a fifo": (lambda t: os.chmod(t.path("fifo"), 0o600),
                       {"fifo": ("changed", {"mode"})}, CHANGED),
    "mtime": (lambda t: os.utime(t.path("a"), (1, 1)), {"a": ("changed", {"mtime"})}, CHANGED),
    "hard link": (lambda t: os.link(t.path("a"), t.path("a2")), {
        "a": ("changed", {"nlink"}), "a2": ("new", set())}, NEW | CHANGED),
    "moved": (lambda t: os.rename(t.path("a"), t.path("other/a")), {
        "other/a": ("moved", set())}, NEW | REMOVED),
    "renamed directory": (lambda t: os.rename(t.path("dir"), t.path("dir2")), {
        "dir2": ("moved", set()), "dir2/in": ("moved", set())}, NEW | REMOVED),
    "swapped": (swap, {"a": ("changed", {"ino", "hash"}), "b": ("changed", {"ino", "hash"})},
                CHANGED),
    "replaced by a link": (replace_by_link, {"a": ("changed", {"type", "target"})}, CHANGED),
    "file for a directory": (file_for_directory, {"other": ("changed", {"type"})}, CHANGED),
    "link target": (retarget, {"link": ("changed", {"target"})}, CHANGED),
    "made and removed": (lambda t: os.unlink(t.write("other/gone")), {
        "other": ("changed", {"mtime", "ctime"})}, CHANGED),
    "flag": (set_flag, {"a": ("changed", {"flags"})}, CHANGED),
}
ROOT_ACTS = {
    "owner": (lambda t: os.chown(t.path("a"), 1, -1), {"a": ("changed", {"uid"})}, CHANGED),
    "group": (lambda t: os.chown(t.path("a"), -1, 1), {"a": ("changed", {"gid"})}, CHANGED),
    "owner of a link": (lambda t: os.lchown(t.path("link"), 1, -1),
                        {"link": ("changed", {"uid"})}, CHANGED),
    "capability": (lambda t: os.setxattr(t.path("a"), "security.capability", CAPABILITY),
                   {"a": ("changed", {"capability"})}, CHANGED),
    "label": (lambda t: os.setxattr(t.path("a"), "security.selinux", b"u:r:t:s0\0"),
              {"a": ("changed", {"selinux"})}, CHANGED),
    "label of a link": (lambda t: os.setxattr(t.path("link"), "security.selinux", b"x\0",
                                              follow_symlinks=False),
                        {"link": ("changed", {"selinux"})}, CHANGED),
    "xattr": (lambda t: os.setxattr(t.path("a"), "trusted.fim", b"1"),
              {"a": ("changed", {"xattrs"})}, CHANGED),
    "acl": (lambda t: os.setxattr(t.path("a"), "system.posix_acl_access", MASKED_ACL),
            {"a": ("changed", {"acl"})}, CHANGED),
    "default acl": (lambda t: os.setxattr(t.path("dir"), "system.posix_acl_default", MASKED_ACL),
                    {"dir": ("changed", {"default_acl"})}, CHANGED),
    "device": (lambda t: os.mknod(t.path("null"), 0o020644, os.makedev(1, 3)),
               {"null": ("new", set())}, NEW),
}


def act_on(tree, act):
    """Do it; where the file system cannot, say so."""
    try:
        act(tree)
    except OSError as error:
        pytest.skip("not here: %s" % error)


def assert_found(findings, expected):
    assert {path: found["state"] for path, found in findings.items()} == {
        path: state for path, (state, _) in expected.items()}
    for path, (_, differs) in expected.items():
        changed = findings[path]["changed"]
        assert differs <= set(changed), (path, changed)
        assert all(change["before"] != change["after"] for change in changed.values())


@pytest.mark.parametrize("mode", ["full", "quick"])
@pytest.mark.parametrize("name", sorted(ACTS))
def test_found(tree, name, mode):
    act, expected, bits = ACTS[name]
    tree.init()
    act_on(tree, act)
    status, findings, record = tree.check(*(["--quick"] if mode == "quick" else []))
    assert_found(findings, expected)
    assert status == bits and record["mode"] == mode


@ROOT_ONLY
@pytest.mark.parametrize("name", sorted(ROOT_ACTS))
def test_found_by_root(tree, name):
    act, expected, bits = ROOT_ACTS[name]
    tree.init()
    act_on(tree, act)
    status, findings, _ = tree.check("--quick")
    assert_found(findings, expected)
    assert status == bits


def test_all_together(tree):
    tree.init()
    tree.write("n")
    os.unlink(tree.path("empty"))
    swap(tree)
    os.rename(tree.path("dir"), tree.path("dir2"))
    retarget(tree)
    os.chmod(tree.path("sparse"), 0o600)
    status, findings, record = tree.check()
    assert {path: found["state"] for path, found in findings.items()} == {
        "n": "new", "empty": "removed", "a": "changed", "b": "changed", "dir2": "moved",
        "dir2/in": "moved", "link": "changed", "sparse": "changed"}
    assert findings["a"]["old_path"] == tree.path("b")
    assert findings["dir2/in"]["old_path"] == tree.path("dir/in")
    assert findings["sparse"]["changed"]["mode"] == {"before": "0644", "after": "0600"}
    assert status == NEW | REMOVED | CHANGED
    assert [record[state] for state in ("new", "removed", "moved", "changed")] == [1, 1, 2, 4]
    assert record["checked"] == len(os.listdir(tree.top)) + 2  # the top, and what is in dir2


def test_nothing_differs(tree):
    tree.init()
    for mode in ((), ("--quick",)):
        status, findings, record = tree.check(*mode)
        assert (status, findings) == (0, {}) and record["checked"] == 13


def test_growing_files(tree):
    for name in ("log1", "log2", "log3", "log4"):
        tree.write(name, "first\n")
    tree.init("--growing", tree.path("log*"))
    append(tree, "log")
    append(tree, "log1")
    tree.write("log2", "fir")
    tree.write("log3", "FIRST\nmore\n")
    os.rename(tree.write("x", "first\nmore\n"), tree.path("log4"))  # another file in its place
    status, findings, record = tree.check()
    assert status == CHANGED and record["appended"] == 2
    assert {path: found.get("growth") for path, found in findings.items()} == {
        "log2": "cut", "log3": "rewritten", "log4": None}


def test_excluded_names(tree):
    """By name and by path, with what is below; when it is made and whenever it is compared."""
    for name in ("x.swp", "dir/y.swp", "cache/a", "cache/deep/b", "cached"):
        tree.write(name)
    tree.init("--exclude", "*.swp", "--exclude", tree.path("cache"))
    assert tree.check()[:2] == (0, {}) and tree.check()[2]["excluded"] == 3
    for name in ("x.swp", "z.swp", "dir/y.swp", "cache/a", "cache/deep/c", "cached"):
        tree.write(name, "another")
    status, findings, record = tree.check()
    assert (status, set(findings)) == (CHANGED, {"cached"}) and record["excluded"] == 4
    assert ", 4 excluded" in tree.fim("check", "--no-packages")[1].splitlines()[0]
    assert tree.fim("check", "--no-packages", tree.path("cache", "deep"))[0] == 0
    assert tree.fim("show", tree.path("cached"))[0] == 0


def test_what_a_policy_excludes(tree, tmp_path):
    """From its own watch alone, as when it is watched."""
    tree.write("dir/x.swp")
    tree.write("other/x.swp")
    policy = tmp_path / "policy.py"
    policy.write_text("from fim.policy import Policy\npolicy = Policy('p')\n"
                      "policy.watch(%r, exclude=['*.swp'])\npolicy.watch(%r)\n"
                      % (tree.path("dir"), tree.path("other")))
    policy.chmod(0o600)
    assert tree.fim("init", "-c", str(policy))[0] == 0
    for name in ("dir", "other"):
        tree.write(name + "/x.swp", "another")
    assert set(tree.check("-c", str(policy))[1]) == {"other/x.swp"}


def test_accept_takes_what_was_shown(tree):
    tree.init()
    tree.write("n", "shown")
    tree.write("other/n", "shown")
    os.rename(tree.path("dir"), tree.path("dir2"))
    os.unlink(tree.path("empty"))
    number = tree.check()[2]["id"]
    status, out, _ = tree.fim("accept", number, "--reason", "an upgrade")
    assert status == 0 and out.startswith("5 accepted")
    assert tree.check()[:2] == (0, {})


def test_accept_refuses_what_moved_on(tree):
    tree.init()
    tree.write("n", "shown")
    tree.write("m", "shown")
    number = tree.check()[2]["id"]
    tree.write("n", "another")
    status, out, said = tree.fim("accept", number, "--reason", "an upgrade")
    assert status == 1 and out.startswith("1 accepted") and tree.path("n") in said
    assert set(tree.check()[1]) == {"n"}


def test_accept_of_a_part(tree):
    tree.init()
    tree.write("n")
    tree.write("d/n")
    number = tree.check()[2]["id"]
    assert tree.fim("accept", number, tree.path("d"), "--reason", "mine")[0] == 0
    assert set(tree.check()[1]) == {"n"}
    status, _, said = tree.fim("accept", number, tree.path("nosuch"), "--reason", "mine")
    assert status == 1 and "nosuch" in said
    status, _, said = tree.fim("accept", "99", "--reason", "mine")
    assert status == 1 and "99" in said


def test_a_part_is_compared(tree):
    tree.init()
    tree.write("n")
    tree.write("dir/n")
    status, findings, record = tree.check(tree.path("dir"))
    assert status == NEW and set(findings) == {"dir/n"} and record["checked"] == 3
    status, out, said = tree.fim("check", "/etc")
    assert (status, out) == (15, "") and "/etc" in said


def write_deep(tree, name, content):
    """A file at a path that no system call takes whole."""
    directory = os.open(tree.top, os.O_RDONLY)
    for _ in range(60):
        with contextlib.suppress(FileExistsError):
            os.mkdir("d" * 250, dir_fd=directory)
        above, directory = directory, os.open("d" * 250, os.O_RDONLY, dir_fd=directory)
        os.close(above)
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, dir_fd=directory)
    os.write(file, content)
    os.close(file)
    os.close(directory)


def test_what_lies_too_deep_for_a_path_is_a_file_like_others(tree):
    write_deep(tree, "log", b"first\n")
    write_deep(tree, "a", b"one\n")
    tree.init("--growing", "*/dd*/log")
    write_deep(tree, "log", b"more\n")
    write_deep(tree, "a", b"more\n")
    for number in range(3):
        write_deep(tree, "new%d" % number, b"new\n")
    for mode in ((), ("--quick",)):
        status, findings, record = tree.check(*mode)
        states = {os.path.basename(path): found["state"] for path, found in findings.items()}
        assert states == {"a": "changed", "new0": "new", "new1": "new", "new2": "new"}
        assert status == NEW | CHANGED and record["appended"] == 1
    assert tree.fim("check")[0] == NEW | CHANGED  # the package database is asked, too
    status, out, _ = tree.fim("accept", record["id"], "--reason", "mine")
    assert status == 0 and out.startswith("4 accepted")
    assert tree.check()[:2] == (0, {})


def test_the_scope_of_a_policy(tmp_path, tree):
    """What it watches here, and what it says of growing."""
    policy = tmp_path / "policy.py"
    policy.write_text("from fim.policy import Policy\npolicy = Policy('p')\n"
                      "policy.watch(%r)\npolicy.watch(%r, growing=True)\n"
                      "policy.watch('/no such directory/file')\n"
                      % (tree.path("dir"), tree.path("other")))
    policy.chmod(0o600)
    tree.write("other/log", "first\n")
    assert tree.fim("init", "-c", str(policy), tree.path("a"))[0] == 0
    append(tree, "other/log")
    append(tree, "dir/in")
    append(tree, "a")
    tree.write("b", "not watched")
    status, findings, record = tree.check("-c", str(policy))
    assert status == CHANGED and set(findings) == {"dir/in"} and record["appended"] == 1
    assert set(tree.check()[1]) == {"dir/in", "a"}
    policy.write_text("policy = = 1\n")
    status, out, said = tree.fim("check", "-c", str(policy))
    assert (status, out) == (17, "") and "policy.py:1" in said
    assert tree.fim("init", "--replace", "-c", str(policy))[0] == 1


def test_roots(tmp_path, tree):
    """A link as a root is itself and what it leads to; a name to come is waited for."""
    link, later = str(tmp_path / "link"), str(tmp_path / "later")
    os.symlink(tree.path("dir"), link)
    assert tree.fim("init", link, later, tree.path("dir", "in"))[0] == 0
    assert tree.check()[2]["checked"] == 3  # the link, dir, dir/in
    os.mkdir(later)
    tree.write("dir/n")
    assert set(tree.check()[1]) == {"../later", "dir/n"}


def test_init_replaces_only_when_told(tree):
    tree.init()
    status, _, said = tree.fim("init", tree.top)
    assert status == 1 and "--replace" in said
    tree.write("n")
    tree.init("--replace")
    assert tree.check()[:2] == (0, {})


def test_the_report_acts_on_no_terminal(tree):
    tree.init()
    tree.write("n\n\x1b[2J\u202e")
    os.close(os.open(os.fsencode(tree.top) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    status, out, _ = tree.fim("check")
    assert status == NEW and "new: 2" in out and "\\xff" in out and "n\\x0a\\x1b[2J" in out
    assert not set(out) & {"\x1b", "\u202e"}


def test_hashes_by_name(tree):
    tree.init("--hash", "sha512")
    tree.write("a", "1\n")
    assert len(tree.check()[1]["a"]["changed"]["hash"]["after"]) == 128
    status, _, said = tree.fim("init", "--replace", "--hash", "md77", tree.top)
    assert status == 1 and "md77" in said and said.count("\n") == 1


def test_our_own_files_are_no_findings(tree):
    tree.state = tree.path("state")
    tree.init()
    assert tree.check()[:2] == (0, {})
    assert tree.check()[:2] == (0, {})


@ROOT_ONLY
def test_what_is_covered_is_not_called_removed(tree):
    """Something is mounted over a directory that will not be looked into."""
    tree.init()
    os.unlink(tree.path("a"))
    script = ('mount -t proc none "$1"; shift; exec "$@"')
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-euc", script, "sh", tree.path("dir"),
         sys.executable, "-m", "fim", "check", "--state", tree.state, "--format", "json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 1:
        pytest.skip("no mount namespaces here: %s" % done.stderr.decode())
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == REMOVED | CHANGED
    assert {(record["kind"], record.get("path"), record.get("state")) for record in records} == {
        ("finding", tree.path("a"), "removed"), ("finding", tree.path("dir"), "changed"),
        ("finding", tree.path("dir/in"), "unreadable"), ("withheld", tree.path("dir"), None),
        ("check", None, None)}


FIPS = """
openssl_conf = init
[init]
alg_section = evp
[evp]
default_properties = fips=yes
"""


@pytest.mark.skipif(ssl.OPENSSL_VERSION_INFO < (3,), reason="before 3 FIPS mode is the kernel's")
def test_what_fips_mode_forbids_is_refused_by_name(tree, tmp_path):
    (tmp_path / "openssl.cnf").write_text(FIPS)
    done = subprocess.run([sys.executable, "-m", "fim", "init", "--state", tree.state, "--hash",
                           "md5", tree.top], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          env=dict(os.environ, OPENSSL_CONF=str(tmp_path / "openssl.cnf")))
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert "md5" in said and "FIPS" in said and said.count("\n") == 1
