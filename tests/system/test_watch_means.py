# SPDX-License-Identifier: GPL-2.0-only
"""What a watch means: the sentences of the contract that no other file has.

Many monitors share one set of attached programs; each test has its own tree.
"""
import contextlib
import os
import subprocess
import time

import pytest

import fim
from conftest import KINDS, new_tree
from listener import listening
from workload import append, make

HANG_SECONDS = 60


def written(path):
    return [("modify", path), ("close", path)]


@contextlib.contextmanager
def mounted(*words):
    """mount(8) with these words; the last is where."""
    os.makedirs(words[-1], exist_ok=True)
    subprocess.run(("mount",) + words, check=True)
    try:
        yield words[-1]
    finally:
        subprocess.run(["umount", "-l", words[-1]], check=True)


# --- roots -----------------------------------------------------------------------------


def test_a_root_that_is_a_link(attachment, tree):
    """The link itself, and what it leads to."""
    link, target = tree + "/outside/link", tree + "/watched"
    os.symlink(target, link)
    with listening(attachment, link) as listener:
        listener.settle()
        make(target + "/file", "")
        os.unlink(link)
        os.symlink(tree, link)
        assert listener.acts() == [("create", target + "/file"), ("unlink", link),
                                   ("symlink", link)]


def test_a_root_that_is_replaced(attachment, tree):
    """As things are deployed: what is at the path is watched, and what was there, too."""
    app, old, new = (tree + "/outside/" + name for name in ("app", "app.old", "app.new"))
    os.mkdir(app)
    os.mkdir(new)
    make(new + "/file")
    with listening(attachment, app) as listener:
        listener.settle()
        os.rename(app, old)
        os.rename(new, app)
        assert listener.said("found") == {
            (app + "/file", "in what took the place of a watched directory")}
        append(app + "/file")
        make(old + "/late", "")
        assert listener.acts() == written(app + "/file") + [("create", old + "/late")]


def test_a_root_that_is_removed_and_made_again(attachment, tree):
    app = tree + "/outside/app"
    os.mkdir(app)
    with listening(attachment, app) as listener:
        for pause in (lambda: None, listener.settle):
            listener.settle()
            os.rmdir(app)
            pause()
            os.mkdir(app)
            listener.settle()
            make(app + "/file")
            listener.settle()
            append(app + "/file")
            assert listener.acts() == written(app + "/file")
            os.unlink(app + "/file")


def test_its_own_output_is_withheld(attachment, tree):
    """What the monitor writes below its root, but nobody else's writes to that file."""
    path = tree + "/watched/output"
    with open(path, "wb", buffering=0) as file:
        with listening(attachment, tree + "/watched", output=file.fileno()) as listener:
            assert listener.said("found") == set()
            file.write(b"ours\n")
            records = listener.settle()
            assert [(record["kind"], record["path"]) for record in records] == [("withheld", path)]
            file.write(b"more\n")
            assert listener.settle() == []
            subprocess.run(["sh", "-c", "echo theirs >> " + path], check=True)
            assert listener.acts() == written(path)


# --- mounts below a root ---------------------------------------------------------------


@pytest.fixture
def mounts(tree):
    """A tmpfs, a bind mount of the same device and a pseudo file system below the root."""
    top = tree + "/watched"
    with mounted("-t", "tmpfs", "tmpfs", top + "/tmpfs"), \
            mounted("--bind", tree + "/outside", top + "/bind"), \
            mounted("-t", "proc", "proc", top + "/proc"):
        yield top


def test_mounts_are_entered(attachment, mounts):
    with listening(attachment, mounts) as listener:
        assert listener.said("withheld") == {
            (mounts + "/proc", "not entered: a pseudo file system")}
        make(mounts + "/tmpfs/file", "")
        make(mounts + "/bind/file", "")
        assert listener.acts() == [("create", mounts + "/tmpfs/file"),
                                   ("create", mounts + "/bind/file")]


def test_one_file_system_enters_none(attachment, mounts):
    with listening(attachment, mounts, one_file_system=True) as listener:
        assert listener.said("withheld") == {
            (mounts + "/" + name, "not entered: --one-file-system")
            for name in ("tmpfs", "bind", "proc")}
        make(mounts + "/tmpfs/file", "")
        make(mounts + "/bind/file", "")
        make(mounts + "/file", "")
        assert listener.acts() == [("create", mounts + "/file")]


HUNG = {
    "fuse": "not entered: a file system served by a process",
    "fuse.sshfs": "not entered: a file system served by a process",
    "autofs": "not entered: an automount point",
}


def hangable():
    """The types of HUNG that this kernel was built with."""
    if "FIM_VM" in os.environ:
        subprocess.call(["modprobe", "-q", "-a", "fuse", "autofs4"])
    with open("/proc/filesystems") as lines:
        known = {line.split()[-1] for line in lines}
    return sorted(kind for kind in HUNG if kind.split(".")[0] in known)


def hung(path):
    """Whether reading `path` does not come back."""
    process = subprocess.Popen(["ls", path + "/"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        process.wait(3)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        return True


@contextlib.contextmanager
def hanging(workloads, point, kind):
    """A mount at `point` whose server never answers; the server."""
    os.mkdir(point)
    server = subprocess.Popen([workloads.program("hang"), point, kind, str(HANG_SECONDS)],
                              stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"mounted\n"
        assert hung(point)
        yield server
    finally:
        server.kill()
        server.wait()
        subprocess.run(["umount", "-l", point], check=True)


@pytest.mark.parametrize("kind", hangable())
def test_a_hung_mount_hangs_nothing(attachment, workloads, tree, kind):
    """One whose server never answers, below the root: named, and not touched."""
    point = tree + "/watched/hung"
    make(tree + "/watched/file")
    with hanging(workloads, point, kind) as server:
        since = time.monotonic()
        with listening(attachment, tree + "/watched") as listener:
            assert time.monotonic() - since < HANG_SECONDS / 2
            assert server.poll() is None and hung(point)
            assert listener.said("withheld") == {(point, HUNG[kind])}
            append(tree + "/watched/file")
            assert listener.acts() == written(tree + "/watched/file")


@pytest.mark.parametrize("kind", hangable())
def test_a_root_that_hangs_is_refused(workloads, tree, kind):
    """Named itself, or by a link."""
    point, link = tree + "/outside/hung", tree + "/watched/link"
    os.symlink(point, link)
    with hanging(workloads, point, kind) as server:
        for path in (point, link):
            with pytest.raises(fim.FimError, match="does not answer"):
                fim.Monitor(path)
        assert server.poll() is None


# --- names that go and stay ------------------------------------------------------------


def test_moved_out_with_another_name_inside(attachment, tree):
    """The subtree is let go; a file of it that has a name left is not."""
    top, out = tree + "/watched", tree + "/outside/d"
    os.mkdir(top + "/d")
    both = make(top + "/d/both")
    make(top + "/d/one")
    os.link(both, top + "/name")
    with listening(attachment, top) as listener:
        listener.settle()
        os.rename(top + "/d", out)
        assert listener.acts() == [("rename", out)]
        append(out + "/one")
        make(out + "/new")
        append(out + "/both")
        assert listener.acts() == written(top + "/name")


def test_watched_until_the_last_name_inside_is_gone(attachment, tree):
    top, out = tree + "/watched", tree + "/outside/file"
    first = make(top + "/first")
    os.link(first, top + "/second")
    os.link(first, out)
    with listening(attachment, top) as listener:
        listener.settle()
        os.rename(first, tree + "/outside/first")
        append(out)
        assert listener.acts() == [("rename", tree + "/outside/first")] + written(top + "/second")
        os.unlink(top + "/second")
        assert listener.acts() == [("unlink", top + "/second")]
        append(out)
        assert listener.acts() == []


@pytest.fixture(params=[kind for kind in KINDS if kind not in ("tmpfs", "btrfs")])
def numbered_tree(base, request):
    """A tree on a file system that gives a free inode number out again."""
    with new_tree(base, request, request.param) as path:
        yield path


def again(remove, path):
    """A new file at `path` with the inode number that `remove` set free."""
    number = os.stat(remove[0]).st_ino
    for name in remove:
        os.unlink(name)
    return numbered(number, path)


def numbered(number, path):
    """A new file at `path` with this free inode number."""
    for attempt in range(100):
        new = make("%s%d" % (path, attempt), "")
        if os.stat(new).st_ino == number:
            return new
    raise AssertionError("inode %d was not given out again" % number)


def test_a_number_used_again_outside(attachment, numbered_tree):
    """What had it was watched; what has it now is not."""
    outside, inside = make(numbered_tree + "/outside/file"), numbered_tree + "/watched/file"
    os.link(outside, inside)
    with listening(attachment, numbered_tree + "/watched") as listener:
        listener.settle()
        new = again([inside, outside], numbered_tree + "/outside/new")
        assert {op for op, _ in listener.acts()} == {"unlink"}
        append(new)
        os.rename(new, new + ".renamed")
        assert listener.acts() == []


def test_a_number_used_again_inside(attachment, numbered_tree):
    """Nor is the new file missed, or taken for the old one."""
    top = numbered_tree + "/watched"
    old = make(top + "/old")
    with listening(attachment, top) as listener:
        listener.settle()
        new = again([old], top + "/new")
        listener.settle()
        append(new)
        assert listener.acts() == written(new)


def test_a_number_used_again_by_who_had_written_to_the_old_one(attachment, numbered_tree):
    """That had its modify and no close: its key went with its name. The new one has both."""
    top = numbered_tree + "/watched"
    old = make(top + "/old")
    with listening(attachment, top) as listener:
        listener.settle()
        file, number = os.open(old, os.O_WRONLY), os.stat(old).st_ino
        os.write(file, b"more")
        os.unlink(old)
        assert listener.acts() == [("modify", old), ("unlink", old)]
        os.close(file)
        new = numbered(number, top + "/new")
        listener.settle()
        append(new)
        assert listener.acts() == written(new)


# --- paths -----------------------------------------------------------------------------


def descend(top, levels, name):
    """A descriptor of the last of `levels` directories below each other, and its path."""
    at = os.open(top, os.O_RDONLY)
    path = os.fsencode(top)
    for _ in range(levels):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at, path = below, path + b"/" + name
    return at, path


ODD = {
    "long": b"n" * 255,
    "newline": b"two\nlines",
    "not_utf8": b"caf\xe9",
}


@pytest.mark.parametrize("kind", sorted(ODD))
@pytest.mark.parametrize("before", [True, False], ids=["scanned", "followed"])
def test_known_paths_at_200_levels(attachment, tree, kind, before):
    """Whether they were there at the start or came later."""
    top = tree + "/watched"
    if before:
        at, path = descend(top, 200, ODD[kind])
    with listening(attachment, top) as listener:
        if not before:
            at, path = descend(top, 200, ODD[kind])
        os.close(os.open("first", os.O_CREAT | os.O_WRONLY, dir_fd=at))
        os.link("first", "second", src_dir_fd=at, dst_dir_fd=at)
        listener.settle()
        os.unlink("first", dir_fd=at)
        os.link("second", top + "/third", src_dir_fd=at)
        record = [record for record in listener.settle() if record["kind"] == "event"][-1]
    os.close(at)
    deep = (path + b"/second").decode("utf-8", "backslashreplace")
    assert (record["op"], record["path"], record["target_path"]) == ("link", top + "/third", deep)
    assert sorted(record["known_paths"]) == sorted([deep, top + "/third"])
    assert record["names_known"] == record["file"]["nlink"] == 2


def test_a_path_that_had_to_be_cut_says_so(attachment, tree):
    """Outside of what is watched nobody knows the directories above."""
    inside = make(tree + "/watched/file")
    at, deep = descend(tree + "/outside", 60, b"level")
    with listening(attachment, tree + "/watched") as listener:
        listener.settle()
        os.link(inside, "link", dst_dir_fd=at)
        record, = [record for record in listener.settle() if record["kind"] == "event"]
    os.close(at)
    assert not record["path_complete"]
    assert (deep.decode() + "/link").endswith(record["path"])
    assert record["path"].count("level") > 40


# --- excluded names --------------------------------------------------------------------


def test_excluded_names(attachment, tree):
    """By name or by path, files and subtrees, there before or made later."""
    top = tree + "/watched"
    os.makedirs(top + "/cache/below")
    os.mkdir(top + "/d")
    for name in ("a.swp", "kept", "cache/below/file", "d/kept", "d/not"):
        make(os.path.join(top, name))
    with listening(attachment, top, exclude=["*.swp", "cache", "*/d/not"]) as listener:
        listener.settle()
        for name in ("a.swp", "cache/below/file", "d/not"):
            append(os.path.join(top, name))
        make(top + "/b.swp")
        append(top + "/b.swp")
        os.makedirs(top + "/d/cache/below")
        make(top + "/d/cache/below/file")
        append(top + "/d/cache/below/file")
        os.unlink(top + "/a.swp")
        append(top + "/kept")
        append(top + "/d/kept")
        assert listener.acts() == written(top + "/kept") + written(top + "/d/kept")
        counts = listener.monitor.counts()
        lines = listener.monitor.close()
    assert counts["withheld"] >= 6
    assert b"excluded names" in lines


def test_out_of_an_excluded_name_at_once(attachment, tree):
    """The same, sooner than anybody looks; and another file with the number of such a one."""
    top = tree + "/watched"
    with listening(attachment, top, exclude=["*.tmp"]) as listener:
        listener.settle()
        make(top + "/file.tmp")
        os.rename(top + "/file.tmp", top + "/file")
        make(top + "/other.tmp")
        os.unlink(top + "/other.tmp")
        make(top + "/new")
        listener.settle()
        append(top + "/file")
        append(top + "/new")
        assert listener.acts() == written(top + "/file") + written(top + "/new")


def test_into_and_out_of_an_excluded_name(attachment, tree):
    """An editor's way: written beside, renamed over."""
    top = tree + "/watched"
    make(top + "/file")
    with listening(attachment, top, exclude=["*.tmp"]) as listener:
        listener.settle()
        make(top + "/file.tmp")
        assert listener.acts() == []
        os.rename(top + "/file.tmp", top + "/file")
        append(top + "/file")
        assert listener.acts() == [("rename", top + "/file")] + written(top + "/file")
        os.rename(top + "/file", top + "/gone.tmp")
        append(top + "/gone.tmp")
        assert listener.acts()[0] == ("rename", top + "/gone.tmp")
        append(top + "/gone.tmp")
        assert listener.acts() == []
