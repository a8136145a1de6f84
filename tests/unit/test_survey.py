# SPDX-License-Identifier: GPL-2.0-only
"""Whole trees: nothing missed, in order, as other tools see it, however odd they are."""
import errno
import hashlib
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

import pytest

import core_build
from core_build import ROOT
from fim import _core
from fim.facts import members, unpack
from test_cli_errors import as_nobody

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PART = 128 * 1024  # ext/content.h


def survey(*roots, algorithm="sha256", **options):
    """([(path, facts)], notices)"""
    started = _core.Survey(tuple(os.fsencode(root) for root in roots), algorithm, 4, **options)
    pairs = []
    while True:
        batch = started.next(1000)
        if batch is None:
            break
        pairs += batch
    notices = started.notices()
    started.close()
    return pairs, notices


def walked(top):
    """Every path of a tree, by Python's own walk."""
    top = os.fsencode(top)
    paths = {top}
    for directory, directories, files in os.walk(top):
        paths.update(os.path.join(directory, name) for name in directories + files)
    return paths


def assert_as_stat_says(path, facts):
    st = os.lstat(path)
    values = unpack(facts)
    assert [values[word] for word in ("ino", "type", "mode", "uid", "gid", "size", "nlink")] == [
        st.st_ino, stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
        st.st_size, st.st_nlink]
    assert (values["mtime"], values["ctime"]) == (st.st_mtime_ns, st.st_ctime_ns)
    shown = members(facts)
    assert shown["dev"] == "%d:%d" % (os.major(st.st_dev), os.minor(st.st_dev))
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            assert values["hash"] == hashlib.sha256(file.read()).digest()
    else:
        assert "hash" not in values
    target = os.readlink(path) if stat.S_ISLNK(st.st_mode) else None
    assert values.get("target") == target


def test_order_is_of_bytes(tmp_path):
    """As SQLite gives them back; "a-b" is between "a" and "a/x"."""
    for name in (b"a/x", b"a/y/z", b"b", b"a-b", b"a.b/c", b"a0", b"\xff/x", b"\x01", b"ab/c"):
        path = os.path.join(os.fsencode(str(tmp_path)), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass
    top = str(tmp_path)
    paths = [path for path, _ in survey(top + "/a", top + "/a-b", top + "/a.b", top + "/b")[0]]
    assert paths == sorted(paths) and len(paths) == 8
    paths = [path for path, _ in survey(top)[0]]
    assert paths == sorted(paths) and set(paths) == walked(top)


def test_as_python_sees_it(tmp_path):
    """Sizes around what is read at once; every type; names of all bytes."""
    for size in (0, 1, PART - 1, PART, PART + 1, 3 * PART + 5):
        (tmp_path / str(size)).write_bytes(os.urandom(size))
    with open(str(tmp_path / "sparse"), "wb") as file:
        file.truncate(10 << 20)
        file.seek(5 << 20)
        file.write(b"x")
    os.mkfifo(str(tmp_path / "fifo"))
    os.symlink("x" * 4000, str(tmp_path / "long"))
    os.symlink("fifo", str(tmp_path / "link"))
    for byte in set(range(1, 256)) - {ord("/"), ord(".")}:
        with open(os.fsencode(str(tmp_path)) + b"/" + bytes([byte]), "wb") as file:
            file.write(bytes([byte]))
    pairs, notices = survey(str(tmp_path))
    assert not notices and {path for path, _ in pairs} == walked(str(tmp_path))
    for path, facts in pairs:
        assert_as_stat_says(path, facts)


def test_a_system_tree_as_find_and_sha256sum_see_it():
    """Tools that share nothing with us."""
    top = "/etc"
    pairs, _ = survey(top)
    listed = subprocess.check_output(["find", top, "-printf", r"%p\0%m\0%U\0%G\0%i\0%n\0%l\0"])
    fields = listed.split(b"\0")[:-1]
    expected = {fields[at]: fields[at + 1:at + 7] for at in range(0, len(fields), 7)}
    sums = subprocess.check_output(["find", top, "-type", "f", "-exec", "sha256sum", "-z", "{}",
                                    "+"])
    hashes = {line[66:]: line[:64].decode() for line in sums.split(b"\0") if line}
    assert {path for path, _ in pairs} == set(expected)
    for path, facts in pairs:
        values = unpack(facts)
        assert [b"%o" % values["mode"], b"%d" % values["uid"], b"%d" % values["gid"],
                b"%d" % values["ino"], b"%d" % values["nlink"],
                values.get("target", b"")] == expected[path], path
        assert values.get("hash", b"").hex() == hashes.get(path, "")


def test_attributes_of_any_number_and_size(tmp_path):
    path = str(tmp_path / "file")
    expected = {"user.%s%d" % ("n" * 40, number): os.urandom(100) for number in range(12)}
    expected["user.large"] = os.urandom(1500)
    with open(path, "w"):
        pass
    try:
        for name, value in expected.items():
            os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip("no room for attributes here: %s" % error)
    found = unpack(survey(path)[0][0][1])["xattrs"]
    assert found == sorted(name.encode() + b"\0" + value for name, value in expected.items())


def test_names_that_become_something_else(tmp_path):
    """A file, a fifo, a link, by turns: nobody waits, and no type has another's
    facts."""
    path, done = str(tmp_path / "name"), threading.Event()
    makers = [lambda new: os.close(os.open(new, os.O_CREAT | os.O_WRONLY)), os.mkfifo,
              lambda new: os.symlink("x", new)]

    def change():
        while not done.is_set():
            for make in makers:
                make(path + ".new")
                os.rename(path + ".new", path)

    changer = threading.Thread(target=change)
    changer.start()
    pairs = [pair for _ in range(300) for pair in survey(str(tmp_path))[0]]
    done.set()
    changer.join()
    types = set()
    for values in (unpack(facts) for _, facts in pairs):
        types.add(stat.S_IFMT(values["type"]))
        if not {"unstable", "unreadable"} & set(values):
            assert ("hash" in values) == (values["type"] == stat.S_IFREG)
            assert ("target" in values) == (values["type"] == stat.S_IFLNK)
    assert {stat.S_IFREG, stat.S_IFIFO, stat.S_IFLNK} <= types


def test_many_names_in_a_directory(tmp_path):
    for number in range(10000):
        os.close(os.open(str(tmp_path / str(number)), os.O_CREAT | os.O_WRONLY))
    pairs, notices = survey(str(tmp_path))
    assert len(pairs) == 10001 and not notices
    assert [path for path, _ in pairs] == sorted(path for path, _ in pairs)


def survey_of_levels(top, levels, name):
    """Of a tree of so many, with a file at its end: removed again."""
    here = os.getcwd()
    try:
        os.chdir(str(top))
        for _ in range(levels):
            os.mkdir(name)
            os.chdir(name)
        with open("file", "w") as file:
            file.write("deep")
        return survey(str(top))
    finally:
        os.chdir(here)
        subprocess.check_call(["rm", "-rf", str(top / name)])


def test_many_levels(tmp_path):
    """Deeper than a path may be long, and than descriptors may be open."""
    levels = 600
    pairs, notices = survey_of_levels(tmp_path, levels, "directory")
    assert not notices and len(pairs) == levels + 2
    path, facts = pairs[-1]
    assert len(path) > 4096 and unpack(facts)["hash"] == hashlib.sha256(b"deep").digest()


def test_too_few_descriptors_are_said(tmp_path):
    """Not a tree that looks smaller than it is."""
    os.makedirs(str(tmp_path / "/".join("d" * 40)))
    script = ("import resource, os, sys; from fim import _core; import fim.facts\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
              "s = _core.Survey((os.fsencode(sys.argv[1]),), 'sha256', 1)\n"
              "while s.next(1000) is not None: pass\n"
              "print([number for _, number, _ in s.notices()])")
    said = subprocess.check_output([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    assert said.decode().strip() == "[%d]" % errno.EMFILE


def test_a_tree_that_is_being_torn_down(tmp_path):
    """What vanishes under way is gone; what stays is there."""
    top = str(tmp_path)
    for number in range(3000):
        path = os.path.join(top, "d%d" % (number % 50), "f%d" % number)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("x" * number)
    os.makedirs(os.path.join(top, "stays", "here"))
    remover = threading.Thread(target=lambda: [shutil.rmtree(os.path.join(top, "d%d" % number))
                                               for number in range(50)])
    remover.start()
    seen = [survey(top) for _ in range(5)]
    remover.join()
    for pairs, notices in seen:
        paths = [path for path, _ in pairs]
        assert not notices and paths == sorted(set(paths))
        assert os.fsencode(os.path.join(top, "stays", "here")) in paths
    assert len(survey(top)[0]) == 3


def test_a_file_that_moves_is_unstable(tmp_path):
    """Its hash is of no state that it ever had, and it is said."""
    path = str(tmp_path / "moving")
    with open(path, "wb") as file:
        file.truncate(200 << 20)
    done = threading.Event()

    def write():
        while not done.is_set():
            with open(path, "r+b") as file:
                file.write(os.urandom(8))

    writer = threading.Thread(target=write)
    writer.start()
    facts = _core.examine(os.fsencode(path), "sha256")
    _, notices = survey(path)
    done.set()
    writer.join()
    assert unpack(facts).get("unstable") == b""
    assert notices == [(os.fsencode(path), 0, "it changed while it was read")]
    assert "unstable" not in unpack(_core.examine(os.fsencode(path), "sha256"))


def in_namespace(script, *arguments):
    """What a shell script prints in a mount namespace of its own."""
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-euc", script, "sh"]
                          + list(arguments), cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if b"unshare" in done.stderr or b"permission denied" in done.stderr.lower():
        pytest.skip("no mount namespaces here: %s" % done.stderr.decode())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


PRINT = ("import os, sys; from fim import _core; import fim.facts\n"
         "s = _core.Survey(tuple(os.fsencode(a) for a in sys.argv[2:]), 'sha256', 2,"
         " one_file_system=sys.argv[1] == 'one')\n"
         "b = []\n"
         "while b is not None:\n"
         "    for p, f in b: print(os.fsdecode(p))\n"
         "    b = s.next(1000)\n"
         "for n in s.notices(): print('notice', os.fsdecode(n[0]), n[2])")


@ROOT_ONLY
def test_mounts(tmp_path):
    top = str(tmp_path)
    os.makedirs(top + "/tree/loop")
    os.makedirs(top + "/tree/proc")
    os.makedirs(top + "/tree/tmpfs")
    script = ('mount --bind "$1/tree" "$1/tree/loop"; mount -t proc none "$1/tree/proc"\n'
              'mount -t tmpfs none "$1/tree/tmpfs"; touch "$1/tree/tmpfs/in"\n'
              'exec "$2" -c "$3" "$4" "$1/tree"')
    said = in_namespace(script, top, sys.executable, PRINT, "all").replace(top, "").splitlines()
    assert "/tree/tmpfs/in" in said and "/tree/loop/tmpfs" in said
    assert "/tree/loop/loop/loop" not in said and "/tree/proc/1" not in said
    assert "notice /tree/proc not entered: a pseudo file system" in said
    said = in_namespace(script, top, sys.executable, PRINT, "one").replace(top, "").splitlines()
    assert "/tree/tmpfs" in said and "/tree/tmpfs/in" not in said
    assert "notice /tree/tmpfs not entered: --one-file-system" in said


@pytest.fixture
def open_to_all():
    """A directory that others can reach; pytest's own is private."""
    path = tempfile.mkdtemp()
    os.chmod(path, 0o755)
    yield path
    os.chmod(path + "/shut", 0o700)
    shutil.rmtree(path)


def test_what_cannot_be_read_is_said(open_to_all):
    """As somebody who is not root."""
    os.mkdir(open_to_all + "/shut")
    for name in ("/secret", "/shut/in"):
        with open(open_to_all + name, "w") as file:
            file.write("x")
    for name in ("/secret", "/shut"):
        os.chmod(open_to_all + name, 0)
    script = PRINT + ("\nfrom fim.facts import unpack\n"
                      "f = unpack(_core.examine(os.fsencode(sys.argv[2]) + b'/secret', 'sha256'))\n"
                      "print('unreadable' in f, 'hash' in f)")
    done = subprocess.run(as_nobody() + [sys.executable, "-c", script, "all", open_to_all],
                          cwd=ROOT, stdout=subprocess.PIPE, check=True)
    said = done.stdout.decode().replace(open_to_all, "").splitlines()
    assert said[:3] == ["", "/secret", "/shut"] and said[-1] == "True False"
    assert set(said[3:-1]) == {"notice /shut None", "notice /secret None"}


def test_reading_leaves_no_trace(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    os.utime(str(path), (1, 1))  # so old that relatime would set it
    os.utime(str(tmp_path), (1, 1))
    survey(str(tmp_path))
    if os.stat(str(path)).st_uid == os.geteuid():
        assert os.stat(str(path)).st_atime == os.stat(str(tmp_path)).st_atime == 1


def cached_pages(path):
    said = subprocess.check_output(["fincore", "-n", "-b", "-o", "PAGES", path])
    return int(said or 0)


@pytest.mark.skipif(not shutil.which("fincore"), reason="no fincore here")
def test_the_page_cache_is_left_as_it_was(tmp_path):
    """What nobody used is not put in it, and what somebody uses stays."""
    for name in ("cold", "warm"):
        with open(str(tmp_path / name), "wb") as file:
            file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            if name == "cold":
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached_pages(str(tmp_path / "cold")):
        pytest.skip("this file system is the page cache")
    pairs, _ = survey(str(tmp_path))
    assert len(pairs) == 3
    assert cached_pages(str(tmp_path / "warm")) == (1 << 20) // os.sysconf("SC_PAGESIZE")
    assert cached_pages(str(tmp_path / "cold")) == 0


def test_pace(tmp_path):
    (tmp_path / "file").write_bytes(bytes(1 << 20))
    (tmp_path / "file2").write_bytes(bytes(1 << 20))
    started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    done = threading.Event()
    timer = threading.Timer(0.3, done.set)
    timer.start()
    survey(str(tmp_path), bytes_per_second=4 << 20)  # half a second, less the last read
    assert done.is_set()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - started < 0.3  # it slept
    timer.cancel()


def test_used_badly(tmp_path):
    with pytest.raises(ValueError, match="nosuch"):
        survey(str(tmp_path), algorithm="nosuch")
    with pytest.raises(ValueError):
        _core.Survey((b"/etc\0x",), "sha256", 1)
    with pytest.raises(TypeError):
        _core.Survey(("/etc",), "sha256", 1)
    with pytest.raises(ValueError):
        _core.Survey((b"/etc",), "sha256", 0)
    with pytest.raises(FileNotFoundError):
        _core.examine(b"/nosuch", "sha256")
    started = _core.Survey((b"/usr/lib",), "sha256", 2)
    with pytest.raises(RuntimeError):
        started.notices()
    started.close()
    with pytest.raises(RuntimeError):
        started.next(1)


SOURCES = ("survey survey_walk exclude examine content digest xattr facts buffer mount_table mount_path "
           "mount_kind").split()


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitized(tmp_path, sanitizer):
    """Threads share what is locked, and nothing leaks: also when it is stopped half way."""
    binary = str(tmp_path / "survey_driver")
    sources = [os.path.join(ROOT, "ext", name + ".c") for name in SOURCES]
    subprocess.check_call(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra",
                           "-Werror", "-fsanitize=" + sanitizer]
                          + core_build.INCLUDES + sources
                          + [os.path.join(core_build.DRIVERS, "survey_driver.c"), "-o", binary,
                             "-ldl", "-lpthread"])
    done = subprocess.run([binary, "/etc"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {line.rsplit(b" ", 1)[0] for line in done.stdout.splitlines()} == walked("/etc")
    done = subprocess.run([binary, "-s", "/usr/lib"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_more_levels_than_a_stack_has_room_for(tmp_path):
    """Anybody can make such a tree: it is said where it was left."""
    pairs, notices = survey_of_levels(tmp_path, 2200, "d")
    (path, error, why), = notices
    assert error == errno.ENAMETOOLONG and why is None
    assert len(pairs) == path.count(b"/d") + 1 == 2048
