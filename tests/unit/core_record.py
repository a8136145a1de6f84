# SPDX-License-Identifier: GPL-2.0-only
"""Raw records as bpf_c/event.h lays them out, made by hand."""
import errno
import struct
import unicodedata

ABI = 5
UNSET = 0xFFFFFFFF
OPS = {  # the contract's word: number
    "create": 1, "mkdir": 2, "mknod": 3, "symlink": 4, "link": 5, "unlink": 6, "rmdir": 7,
    "rename": 8, "modify": 9, "close": 10, "open": 11, "truncate": 12, "chmod": 13, "chown": 14,
    "utimes": 15, "setxattr": 16, "removexattr": 17, "setflags": 18, "mmap": 19, "mount": 20,
    "umount": 21,
}
TEXTS = "path path2 exe parent_exe cwd args cgroup target".split()
WALKS = TEXTS[:5]
ABSENT, WHOLE, CUT, UNREADABLE = range(4)
NEW, INSERT_FAILED, DELETED, EXCHANGE, REPLACED, EXE_DELETED, ARGS_CUT, CANARY, NAMES_ONLY, BEFORE = (
    1 << bit for bit in range(10)
)
FAILED = 1 << 16
ACL = 1 << 17
# Owner, user 7, mask, and others, as struct posix_acl has them: any id where none is needed.
ACL_ENTRIES = b"".join(struct.pack("=HHI", *entry) for entry in (
    (1, 6, 0xdeadbeef), (2, 4, 7), (0x10, 4, 3), (0x20, 0, UNSET)))
SIZE = 512
TEXT_OFFSET = SIZE - 24 * len(TEXTS)

FILE = dict(
    ino=0, dev=0, size=0, mtime_sec=0, ctime_sec=0, mtime_nsec=0, ctime_nsec=0,
    generation=0, mode=0o100644, uid=0, gid=0, nlink=1, rdev=0, magic=0xEF53, flags=0,
)
ACTOR = dict(
    start=5 * 10**9, exe_ino=99, exe_dev=8 << 20 | 1, pid=1234, tid=1235, ppid=1200, uid=0,
    euid=0, gid=0, auid=1000, ses=3, mnt_ns=4026531840, comm=b"vim", tty=b"pts0",
)


def dev(major, minor):
    return major << 20 | minor


def pack_id(ino=0, device=0):
    return struct.pack("=QII", ino, device, 0)


def pack_file(**members):
    f = dict(FILE, **members)
    return pack_id(f["ino"], f["dev"]) + struct.pack(
        "=QqqIIIIIIIIII", f["size"], f["mtime_sec"], f["ctime_sec"], f["mtime_nsec"],
        f["ctime_nsec"], f["generation"], f["mode"], f["uid"], f["gid"], f["nlink"],
        f["rdev"], f["magic"], f["flags"],
    )


def pack_actor(**members):
    a = dict(ACTOR, **members)
    return struct.pack(
        "=QQIIIIIIIIII16s16s", a["start"], a["exe_ino"], a["exe_dev"], a["pid"], a["tid"],
        a["ppid"], a["uid"], a["euid"], a["gid"], a["auid"], a["ses"], a["mnt_ns"],
        a["comm"], a["tty"],
    )


def walk(path):
    """b"/a/b" as the names from the leaf up, each with its NUL."""
    return b"".join(name + b"\0" for name in reversed(path.split(b"/")) if name)


def pack_texts(texts):
    """(array of struct fim_text, the bytes behind it); texts is {slot: bytes or (bytes, state)}."""
    rows, tail = b"", b""
    for slot in TEXTS:
        text = texts.get(slot)
        data, state = text if isinstance(text, tuple) else (text or b"", WHOLE)
        if text is None:
            state = ABSENT
        names = data.count(b"\0") if slot in WALKS else 0
        rows += pack_id() + struct.pack(
            "=HHBBBB", SIZE + len(tail) if data else 0, len(data), state, min(names, 255), 255, 1
        )
        tail += data
    return rows, tail


def record(op="create", file=None, other=None, actor=None, flags=0, count=0, seq=1,
           time=10**9, matched=1, abi=ABI, padding=0, dir=(2, dev(8, 1)), dir2=(2, dev(8, 1)), **texts):
    rows, tail = pack_texts(texts)
    size = SIZE + len(tail)
    head = struct.pack(
        "=IHBBQQIIQ", size, abi, OPS[op], matched, time, seq, 0, flags, count
    )
    body = pack_id(*dir) + pack_id(*dir2)
    body += pack_file(**dict(dict(ino=12, dev=dev(8, 1)), **(file or {})))
    body += pack_file(**(other or {})) + pack_actor(**(actor or {})) + rows
    assert len(head + body) == SIZE
    return head + body + tail + b"\0" * padding


PROCESS = dict(
    exe=walk(b"/usr/bin/vim"), parent_exe=walk(b"/usr/bin/bash"), cwd=walk(b"/root"),
    args=b"vim\0/etc/passwd\0", cgroup=walk(b"/user.slice/session-3.scope"),
)


def samples():
    """One record of every operation, and some that are odd."""
    for op in OPS:
        yield record(op, path=walk(b"/etc/passwd"), path2=walk(b"/etc/passwd-"),
                     target=b"../x\0", flags=REPLACED if op == "rename" else 0,
                     count=23, **PROCESS)
    for op in ("truncate", "chmod", "chown", "utimes", "setflags"):
        yield record(op, path=walk(b"/etc/passwd"), flags=BEFORE, file=dict(flags=8),
                     other=dict(size=9, mode=0o104755, uid=UNSET, gid=5, mtime_sec=-1, flags=4))
    yield record("setxattr", path=walk(b"/etc/passwd"), target=b"user.x\0ab\0", count=400)
    yield record("setxattr", path=walk(b"/etc/passwd"), flags=ACL, count=len(ACL_ENTRIES),
                 target=b"system.posix_acl_access\0" + ACL_ENTRIES)
    yield from attempts()
    yield record("modify")
    yield record("mknod", path=walk(b"/dev/null"), file=dict(mode=0o20666, rdev=dev(1, 3)))
    yield record("unlink", path=(walk(b"b/c/d"), CUT), flags=DELETED,
                 exe=b"memfd:x\0", args=(b"a\0b", CUT), padding=4)
    yield record("create", path=walk(b"/\xff\xfe/\x1b[2J\n/caf\xc3\xa9"),
                 cgroup=walk(b"/docker/" + b"0123456789abcdef" * 4),
                 cwd=(b"", UNREADABLE), actor=dict(auid=UNSET, ses=UNSET, ppid=0, tty=b""))


def attempts():
    """Acts that failed."""
    yield record("open", path=walk(b"/etc/shadow"), flags=FAILED, count=errno.EACCES)
    yield record("create", path=walk(b"/etc/n"), flags=FAILED, count=errno.EROFS, matched=2,
                 file=dict(mode=0, nlink=0))
    yield record("rename", path=walk(b"/etc/passwd"), path2=walk(b"/tmp/p"), flags=FAILED,
                 count=errno.EPERM)
    yield record("setxattr", path=walk(b"/etc/passwd"), target=b"user.x\0", flags=FAILED,
                 count=errno.EOPNOTSUPP)


def harmless(text):
    """Whether nothing in it acts on a terminal, or turns the direction of writing."""
    return not any(
        unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")
        or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for c in text
    )
