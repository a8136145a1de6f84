# SPDX-License-Identifier: GPL-2.0-only
"""Any bytes can be given to the decoder; what it takes is rendered as the contract says."""
import base64
import errno
import json
import struct

import pytest
from hypothesis import given, settings, strategies as st

import core_record as wire
from core_build import Driver
from core_record import harmless, record, walk


@pytest.fixture(scope="module")
def driver():
    with Driver("decode_driver") as driver:
        yield driver


def render(driver, raw):
    result, rendered, text = driver.ask(raw).split(b"\n", 2)
    return int(result), json.loads(rendered) if rendered else None, text.decode()


def event(driver, *arguments, **members):
    result, rendered, text = render(driver, record(*arguments, **members))
    assert result == 0
    return rendered, text


# --- what is refused -----------------------------------------------------------------


def refused(driver, raw):
    result, rendered, text = render(driver, raw)
    assert (rendered, text) == (None, "")
    return errno.errorcode[-result]


def test_samples_are_taken(driver):
    for raw in wire.samples():
        assert render(driver, raw)[0] == 0


def test_every_length_too_short_is_refused(driver):
    raw = record("create", path=walk(b"/etc/passwd"), **wire.PROCESS)
    for length in range(0, len(raw), 7):
        assert refused(driver, raw[:length]) == "EINVAL"


def test_a_foreign_abi_is_told_apart(driver):
    assert refused(driver, record(abi=wire.ABI + 1)) == "EPROTO"
    assert refused(driver, record(abi=wire.ABI + 1)[:8]) == "EPROTO"
    assert refused(driver, record(abi=0)) == "EPROTO"


def test_padding_is_ignored(driver):
    assert render(driver, record(path=walk(b"/x"), padding=5))[0] == 0


@pytest.mark.parametrize("offset, byte", [(6, 0), (6, 99), (6, 255), (7, 0), (7, 3)])
def test_unknown_operation_or_match(driver, offset, byte):
    raw = bytearray(record())
    raw[offset] = byte
    assert refused(driver, bytes(raw)) == "EINVAL"


def patch_text(raw, slot, **members):
    """Overwrite members of the struct fim_text of a slot."""
    at = wire.TEXT_OFFSET + 24 * wire.TEXTS.index(slot) + 16
    row = dict(zip(("offset", "length", "state", "names", "root", "mounted"),
                   struct.unpack_from("=HHBBBB", raw, at)))
    row.update(members)
    raw = bytearray(raw)
    struct.pack_into("=HHBBBB", raw, at, *row.values())
    return bytes(raw)


@pytest.mark.parametrize("members", [
    dict(offset=511), dict(offset=0), dict(offset=65535), dict(length=65535), dict(length=13),
    dict(state=4), dict(state=0), dict(names=1), dict(names=3), dict(root=3), dict(root=254),
    dict(mounted=2), dict(length=10), dict(length=10, names=1), dict(length=0), dict(offset=513),
])
def test_a_walk_that_does_not_add_up(driver, members):
    raw = record(path=walk(b"/etc/passwd"))
    assert render(driver, raw)[0] == 0
    assert refused(driver, patch_text(raw, "path", **members)) == "EINVAL"


def test_a_plain_text_is_bounded_too(driver):
    raw = record(args=b"a\0b")
    assert render(driver, raw)[0] == 0
    assert refused(driver, patch_text(raw, "args", length=4)) == "EINVAL"
    assert refused(driver, patch_text(raw, "args", state=9)) == "EINVAL"


def test_the_largest_record(driver):
    deep = b"".join(b"/" + b"n" * 200 for _ in range(255))
    rendered, _ = event(driver, path=walk(deep))
    assert rendered["path"] == deep.decode()


# --- any bytes -------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=700))
def test_arbitrary_bytes(driver, raw):
    assert render(driver, raw)[0] in (0, -errno.EINVAL, -errno.EPROTO)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(wire.samples())),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_mutated_records(driver, raw, changes):
    raw = bytearray(raw)
    for at, byte in changes:
        raw[at % len(raw)] = byte
    result, _, text = render(driver, bytes(raw))
    assert result in (0, -errno.EINVAL, -errno.EPROTO)
    assert harmless(text)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(wire.samples())),
    st.sampled_from(wire.TEXTS),
    st.fixed_dictionaries({}, optional=dict(
        offset=st.integers(500, 600), length=st.integers(0, 100), state=st.integers(0, 4),
        names=st.integers(0, 5), root=st.integers(0, 255),
    )),
)
def test_mutated_texts(driver, raw, slot, members):
    assert render(driver, patch_text(raw, slot, **members))[0] in (0, -errno.EINVAL)


name_bytes = st.binary(min_size=1, max_size=40).map(
    lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))


@settings(max_examples=100, deadline=None)
@given(st.lists(name_bytes, max_size=6), st.lists(st.binary(max_size=20), max_size=5))
def test_texts_come_back(driver, names, args):
    path = b"/" + b"/".join(names)
    args = [arg.replace(b"\0", b"_") for arg in args]
    rendered, text = event(driver, path=walk(path), args=b"".join(arg + b"\0" for arg in args))
    if "path_b64" in rendered:
        assert base64.b64decode(rendered["path_b64"]) == path
    else:
        assert rendered["path"].encode() == path
    assert len(rendered["process"]["args"]) == len(args)
    assert harmless(text)


# --- what is rendered --------------------------------------------------------------------

ALWAYS = set(
    "v kind seq stream time host labels op result errno path path_complete path_mount deleted "
    "names_known file late kernel mono_ns process matched".split()
)
PROCESS = set(
    "pid tid start entity_id ppid parent uid euid gid auid user login_user ses comm exe exe_ino "
    "exe_deleted args args_cut cwd tty mnt_ns cgroup container".split()
)
DETAILS = dict(
    rename={"old_path", "replaced", "exchange"}, link={"target_path", "created"},
    symlink={"target"}, close={"count", "bytes"}, setxattr={"xattr"},
    removexattr={"xattr"}, setflags={"flags"}, open={"holds", "rdev"}, mount={"mount"}, umount={"mount"},
)


# --- failed attempts ----------------------------------------------------------------------


def test_a_failure_has_its_errno(driver):
    rendered, text = event(driver, "open", path=walk(b"/etc/shadow"), flags=wire.FAILED,
                           count=errno.EACCES)
    assert (rendered["result"], rendered["errno"]) == ("failure", "EACCES")
    assert "holds" not in rendered and "rdev" not in rendered
    assert "/etc/shadow (DENIED: EACCES)" in text


@pytest.mark.parametrize("number, name", [
    (errno.EPERM, "EPERM"), (errno.ETXTBSY, "ETXTBSY"), (errno.EAGAIN, "EAGAIN"),
    (errno.EOPNOTSUPP, "EOPNOTSUPP"), (errno.EDEADLK, "EDEADLK"), (133, "EHWPOISON"),
    (41, "E41"), (134, "E134"), (4095, "E4095"),
])
def test_names_of_errors(driver, number, name):
    assert event(driver, "unlink", flags=wire.FAILED, count=number)[0]["errno"] == name


def test_what_is_no_denial_says_that_it_failed(driver):
    text = event(driver, "rmdir", path=walk(b"/d"), flags=wire.FAILED, count=errno.ENOTEMPTY)[1]
    assert "/d (FAILED: ENOTEMPTY)" in text


def test_what_was_not_made_is_no_file(driver):
    rendered = event(driver, "mknod", path=walk(b"/n"), flags=wire.FAILED, count=errno.EACCES,
                     file=dict(mode=0))[0]
    assert rendered["file"] is None and "rdev" not in rendered


def test_an_acl_is_told_as_getxattr_gives_it(driver):
    """With its header, and -1 for who needs no id; what lies there in the kernel is nobody's."""
    whole = struct.pack("<I" + 4 * "HHI", 2, 1, 6, wire.UNSET, 2, 4, 7, 0x10, 4, wire.UNSET,
                        0x20, 0, wire.UNSET)
    for count, cut in ((32, False), (40, True)):
        told, _ = event(driver, "setxattr", path=walk(b"/f"), flags=wire.ACL, count=count,
                        target=b"system.posix_acl_access\0" + wire.ACL_ENTRIES + b"rest"[:4 * cut])
        assert told["xattr"] == {"name": "system.posix_acl_access", "size": count + 4,
                                 "value_b64": base64.b64encode(whole).decode(),
                                 "value_cut": cut}


def test_a_failed_setxattr_has_the_name_and_no_value(driver):
    xattr = event(driver, "setxattr", path=walk(b"/f"), target=b"user.x\0", flags=wire.FAILED,
                  count=errno.EPERM)[0]["xattr"]
    assert xattr == {"name": "user.x"}


@pytest.mark.parametrize("number", [0, 4096, 1 << 40])
def test_a_failure_without_a_reason_is_refused(driver, number):
    assert refused(driver, record("open", flags=wire.FAILED, count=number)) == "EINVAL"


def test_owners_that_are_unset(driver):
    file = event(driver, file=dict(uid=wire.UNSET, gid=wire.UNSET))[0]["file"]
    assert file["uid"] is None and file["gid"] is None


@pytest.mark.parametrize("op", wire.OPS)
def test_the_members_of_every_operation(driver, op):
    rendered, text = event(driver, op, path=walk(b"/etc/passwd"), target=b"x\0", **wire.PROCESS)
    assert set(rendered) == ALWAYS | DETAILS.get(op, set())
    assert set(rendered["process"]) == PROCESS
    assert set(rendered["file"]) == set(
        "dev ino type mode uid gid size nlink mtime ctime".split())
    assert set(rendered["kernel"]) == {"dev", "ino", "generation"}
    assert (rendered["op"], rendered["result"], rendered["errno"]) == (op, "success", None)
    assert " %-11s  " % op in text


def test_values(driver):
    rendered, _ = event(
        driver, "create", path=walk(b"/etc/passwd"), time=1500000000, seq=1,
        file=dict(mode=0o104755, size=2**40, uid=1, gid=2, nlink=3, generation=77,
                  mtime_sec=1, mtime_nsec=2, ctime_sec=-1, ctime_nsec=999999999),
        **wire.PROCESS)
    assert rendered["time"] == "2023-11-14T22:13:21.500000000Z"
    assert rendered["labels"] == {} and rendered["host"] is None
    assert rendered["path"] == "/etc/passwd"
    assert (rendered["path_complete"], rendered["path_mount"]) == (True, "exact")
    assert rendered["matched"] == "inode"
    assert rendered["mono_ns"] == 1500000000
    assert rendered["kernel"] == {"dev": "8:1", "ino": "12", "generation": 77}
    assert rendered["file"] == {
        "dev": "8:1", "ino": "12", "type": "file", "mode": "4755", "uid": 1, "gid": 2,
        "size": 2**40, "nlink": 3, "mtime": "1970-01-01T00:00:01.000000002Z",
        "ctime": "1969-12-31T23:59:59.999999999Z",
    }
    process = rendered["process"]
    entity_id = process.pop("entity_id")
    assert len(entity_id) == 32 and set(entity_id) <= set("0123456789abcdef")
    assert process == {
        "pid": 1234, "tid": 1235, "start": "2023-11-14T22:13:25.000000000Z", "ppid": 1200,
        "parent": {"pid": 1200, "exe": "/usr/bin/bash"}, "uid": 0, "euid": 0, "gid": 0,
        "auid": 1000, "user": None, "login_user": None, "ses": 3, "comm": "vim",
        "exe": "/usr/bin/vim", "exe_ino": "99", "exe_deleted": False,
        "args": ["vim", "/etc/passwd"], "args_cut": False, "cwd": "/root", "tty": "pts0",
        "mnt_ns": "4026531840", "cgroup": "/user.slice/session-3.scope", "container": None,
    }


def test_what_is_unknown_is_null(driver):
    rendered, text = event(driver, "modify", matched=2, actor=dict(
        start=0, exe_ino=0, ppid=0, uid=wire.UNSET, euid=wire.UNSET, gid=wire.UNSET,
        auid=wire.UNSET, ses=wire.UNSET, mnt_ns=0, tty=b"", comm=b"kworker/0:1"))
    process = rendered["process"]
    for member in ("start entity_id parent uid euid gid auid user login_user ses exe exe_ino "
                   "exe_deleted args cwd tty mnt_ns cgroup container").split():
        assert process[member] is None, member
    assert process["args_cut"] is False and process["ppid"] == 0
    assert rendered["path"] is None and rendered["matched"] == "parent"
    assert "  inode 12 on 8:1 (path incomplete)  " in text
    assert text.endswith("  by ?  kworker/0:1[1234]")


def test_a_cut_walk_is_never_absolute(driver):
    rendered, text = event(driver, path=(walk(b"b/leaf"), wire.CUT),
                           exe=(walk(b"bin/vim"), wire.CUT))
    assert (rendered["path"], rendered["path_complete"]) == ("b/leaf", False)
    assert rendered["process"]["exe"] == "bin/vim"
    assert "  .../b/leaf (path incomplete)  " in text
    assert event(driver, exe=(b"", wire.UNREADABLE))[0]["process"]["exe"] is None
    assert event(driver, cwd=b"")[0]["process"]["cwd"] == "/"


def test_arguments(driver):
    def args(*text, **members):
        process = event(driver, args=text if len(text) > 1 else text[0], **members)[0]["process"]
        return process["args"], process["args_cut"]

    assert args(b"") == ([], False)
    assert args(b"a\0\0b\0") == (["a", "", "b"], False)
    assert args(b"a\0b", wire.CUT) == (["a", "b"], True)
    assert args(b"a\0", flags=wire.ARGS_CUT) == (["a"], True)
    assert args(b"", wire.UNREADABLE) == (None, True)


@pytest.mark.parametrize("cgroup, expected", [
    (b"/docker/" + b"0123456789abcdef" * 4, True),
    (b"/system.slice/docker-" + b"0123456789abcdef" * 4 + b".scope", True),
    (b"/kubepods/pod1/cri-containerd-" + b"0123456789abcdef" * 4 + b".scope/init", True),
    (b"/x/" + b"0123456789abcdef" * 4 + b"0", False),
    (b"/x/" + b"0123456789ABCDEF" * 4, False),
    (b"/user.slice", False),
])
def test_container(driver, cgroup, expected):
    rendered, text = event(driver, cgroup=walk(cgroup))
    assert rendered["process"]["container"] == ("0123456789abcdef" * 4 if expected else None)
    assert (" in 0123456789ab" in text) == expected


def test_rename(driver):
    both = dict(path=walk(b"/a/old"), path2=walk(b"/a/new"))
    rendered, text = event(driver, "rename", **both)
    assert (rendered["old_path"], rendered["path"]) == ("/a/old", "/a/new")
    assert (rendered["replaced"], rendered["exchange"]) == (None, False)
    assert "  /a/old -> /a/new" in text
    rendered, text = event(driver, "rename", flags=wire.REPLACED, other=dict(
        ino=2**64 - 1, dev=wire.dev(259, 1048575), mode=0o120777), **both)
    assert rendered["replaced"]["ino"] == "18446744073709551615"
    assert rendered["replaced"]["dev"] == "259:1048575"
    assert rendered["replaced"]["type"] == "symlink"
    assert "/a/old -> /a/new (replaced)" in text
    rendered, text = event(driver, "rename", flags=wire.EXCHANGE, **both)
    assert rendered["exchange"] is True and "/a/old <-> /a/new" in text


def test_link_symlink_close_mknod_unlink(driver):
    rendered, text = event(driver, "link", path=walk(b"/new"), path2=walk(b"/old"))
    assert rendered["target_path"] == "/old" and "  /new = /old (2 names)" in text
    assert rendered["known_paths"] == ["/new", "/old"] and rendered["names_known"] == 2
    rendered, text = event(driver, "symlink", path=walk(b"/l"), target=b"../some where\0")
    assert rendered["target"] == "../some where" and '  /l -> "../some where"' in text
    rendered, text = event(driver, "close", path=walk(b"/f"), count=23)
    assert (rendered["count"], rendered["bytes"]) == (23, None) and "/f (23 changes)" in text
    rendered, text = event(driver, "mknod", path=walk(b"/n"),
                           file=dict(mode=0o20666, rdev=wire.dev(1, 3)))
    assert rendered["rdev"] == "1:3" and "/n (char 1:3)" in text
    rendered, text = event(driver, "unlink", path=walk(b"/f"), flags=wire.DELETED)
    assert rendered["deleted"] is True and "/f (deleted)" in text


def test_names_that_are_not_text(driver):
    path = b"/\xff/\x1b[2J\n"
    rendered, text = event(driver, "rename", path=walk(path), path2=walk(b"/\xed\xa0\x80"))
    assert rendered["old_path"] == "/\\xff/\x1b[2J\n"
    assert base64.b64decode(rendered["old_path_b64"]) == path
    assert rendered["path"] == "/\\xed\\xa0\\x80"
    assert len(rendered["known_paths_b64"]) == 2
    assert "  /\\xff/\\x1b[2J\\x0a -> /\\xed\\xa0\\x80" in text


def test_a_name_cannot_look_like_a_column(driver):
    _, text = event(driver, path=walk(b'/x   by root  /usr/bin/rpm[1] "'))
    assert '  "/x   by root  /usr/bin/rpm[1] \\x22"  by 0' in text
    _, text = event(driver, path=walk("/a\u202egnp.exe".encode()))
    assert "/a\\xe2\\x80\\xaegnp.exe" in text


def test_a_line_for_the_terminal(driver):
    _, text = event(driver, "modify", path=walk(b"/etc/passwd"), time=1500000000, seq=2,
                    **wire.PROCESS)
    assert text == (
        "2023-11-14 22:13:21.500Z  modify       /etc/passwd                           "
        "by 0 (login 1000)  /usr/bin/vim[1234] < /usr/bin/bash  $ vim /etc/passwd"
    )
    _, text = event(driver, "modify", path=walk(b"/f"), actor=dict(
        uid=1000, auid=1000, comm=b"yum"), flags=wire.EXE_DELETED,
        exe=walk(b"/usr/bin/python2.7"), args=b"yum\0" + b"x" * 80 + b"\0")
    assert "by 1000 (euid 0)  yum[1234] /usr/bin/python2.7 (deleted)  $ yum xxxx" in text
    assert text.endswith("xxx ...") and len(text) < 200
