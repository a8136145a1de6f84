# SPDX-License-Identifier: GPL-2.0-only
"""Streams of the attacks of tests/system/attacks.py, for tests without a kernel.

tests/system/attacks.py records them in a guest; where a recording lies in streams/ it is taken.
Until there is one they are composed here, record by record as the system ring sees each act
(README: What one act gives), and every record is checked against the published schema."""
import atexit
import datetime
import json
import os
import shutil
import sys
import tempfile

import jsonschema

from core_build import ROOT

sys.path.append(os.path.join(ROOT, "tests", "system"))
import attacks  # noqa: E402

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "streams")
MARKS = attacks.MARKS + "/"
BEFORE, NOW, PAST = ("%s-11-23T05:00:00.000000000Z" % year for year in (2025, 2026, 1970))
HOST = {"name": "h", "machine_id": None, "boot_id": None}
OF_OP = {"close": {"count": 1, "bytes": None}, "rename": {"replaced": None, "exchange": False},
         "link": {"created": False}, "symlink": {"target": "x"},
         "mount": {"mount": {"source": "/x", "type": "ext4", "options": "rw"}},
         "umount": {"mount": {"source": "/x", "type": "ext4", "options": "rw"}}}


def changed(field, before, after):
    return {field: {"before": before, "after": after}}


class Made:
    """Records as acts give them."""

    def __init__(self):
        self.records = []
        self.inodes = {}
        self.now_ns = 0
        self.pid = 5000

    def process(self, exe, **members):
        """A new one."""
        self.pid += 1
        who = {"pid": self.pid, "tid": self.pid, "start": NOW, "entity_id": "%032x" % self.pid,
               "ppid": 1, "parent": {"pid": 1, "exe": "/usr/bin/dash"}, "uid": 0, "euid": 0,
               "gid": 0, "auid": None, "user": "root", "login_user": None, "ses": None,
               "comm": "x", "exe": "/usr/" + exe, "exe_ino": "1", "exe_deleted": False,
               "args": ["x"], "args_cut": False, "cwd": "/", "tty": None, "mnt_ns": "1",
               "cgroup": "/", "container": None}
        return dict(who, **members)

    def inode(self, path):
        return self.inodes.setdefault(path, str(1000 + len(self.records)))

    def event(self, op, path, process, ino=None, file=(), **members):
        """One record, a millisecond later."""
        self.now_ns += 10**6
        ino = ino or self.inode(path)
        at = datetime.datetime(2026, 11, 23) + datetime.timedelta(microseconds=self.now_ns // 1000)
        record = {
            "v": 1, "kind": "event", "seq": len(self.records) + 1, "stream": "0" * 32,
            "time": at.isoformat(timespec="microseconds") + "000Z", "host": HOST, "labels": {},
            "op": op, "result": "success", "errno": None, "path": path, "path_complete": True,
            "path_mount": "exact", "deleted": op in ("unlink", "rmdir"), "names_known": 1,
            "file": {"dev": "8:1", "ino": ino, "type": "file", "mode": "0644", "uid": 0, "gid": 0,
                     "size": 5, "nlink": 1, "mtime": NOW, "ctime": NOW},
            "late": False, "kernel": {"dev": "8:1", "ino": ino, "generation": 1},
            "mono_ns": self.now_ns, "process": process, "matched": "inode"}
        record["file"].update(file)
        record.update(OF_OP.get(op, {}), **members)
        self.records.append(record)
        return record

    def write(self, path, process, new=False, cut=False, **members):
        """Opened, written and closed."""
        if new:
            self.inodes.pop(path, None)
            self.event("create", path, process, **members)
        if cut:
            self.event("truncate", path, process, changed=changed("size", 500, 0), **members)
        self.event("modify", path, process, **members)
        self.event("close", path, process, **members)

    def rename(self, old, path, process, over=False):
        record = self.event("rename", path, process, ino=self.inode(old), old_path=old)
        if over:
            record["replaced"] = dict(record["file"], ino="77", size=500)
        self.inodes[path] = self.inodes.pop(old)

    def mark(self, text):
        """As attacks.mark() leaves one."""
        self.now_ns += 2 * 10**9
        process = self.process("bin/python3")
        for op in ("mkdir", "rmdir"):
            self.event(op, MARKS + text.replace(" ", "-"), process, file={"type": "directory"})


# name: what it gives; `at` is the name it is done by, the rest what records then have.
def append(made, path, at, **by):
    made.write(at, made.process("bin/dash"), **by)


def put(made, path, at, **by):
    made.write(path, made.process("bin/dash"), new=True)


def edit_in_place(made, path, at, **by):
    sed, other = made.process("bin/sed"), os.path.dirname(path) + "/sedX"
    made.write(other, sed, new=True, file={"mode": "0600"})
    made.event("chmod", other, sed, changed=changed("mode", "0600", "0644"))
    made.rename(other, path, sed, over=True)


def replace(made, path, at, **by):
    other = os.path.dirname(path) + "/.x"
    made.write(other, made.process("bin/cp"), new=True)
    made.rename(other, path, made.process("bin/mv"), over=True)


def move_in(made, path, at, **by):
    made.rename("/mnt/ext4/policy-lib", path, made.process("bin/mv"))


def set_id(made, path, at, **by):
    made.write(path, made.process("bin/cp"), new=True, file={"mode": "0755"})
    made.event("chmod", path, made.process("bin/chmod"), file={"mode": "4755"},
               changed=changed("mode", "0755", "4755"))


def enable(made, path, at, **by):
    made.event("symlink", path, made.process("bin/ln"), file={"type": "symlink"})


def cut(made, path, at, **by):
    made.event("truncate", at, made.process("bin/truncate"), changed=changed("size", 500, 0),
               file={"size": 0}, **by)


def remove(made, path, at, **by):
    made.event("unlink", path, made.process("bin/rm"))


def open_to_all(made, path, at, **by):
    made.event("chmod", at, made.process("bin/chmod"), file={"mode": "0777"},
               changed=changed("mode", "0640", "0777"), **by)


def give_away(made, path, at, **by):
    made.event("chown", at, made.process("bin/chown"), changed=changed("uid", 0, 1), **by)


def set_flags(made, path, at, **by):
    for before, after in (([], ["immutable"]), (["immutable"], [])):
        made.event("setflags", path, made.process("bin/chattr"), flags=after,
                   changed=changed("flags", before, after))


def set_back(made, path, at, **by):
    made.event("utimes", path, made.process("bin/touch"), file={"mtime": PAST},
               changed=changed("mtime", BEFORE, PAST))


def mount_over(made, path, at, **by):
    for op in ("mount", "umount"):
        made.event(op, path, made.process("bin/mount"), file={"type": "directory"})


def link_out(made, path, at, **by):
    made.event("link", attacks.LINKS + "/art", made.process("bin/ln"), ino=made.inode(path),
               target_path=path, known_paths=[path])


GIVES = {"shadow": edit_in_place, "pam": edit_in_place, "binary": replace, "library": move_in,
         "setuid": set_id, "unit enabled": enable, "log cut": cut, "log gone": remove,
         "audit rules": remove, "open to all": open_to_all, "owner": give_away,
         "immutable": set_flags, "timestomp": set_back, "mounted over": mount_over,
         "link out": link_out, "user": append, "ssh key": append, "profile": append,
         "hosts": append}


def make_attacks(made, way=None):
    for name, attack in attacks.ATTACKS.items():
        if way and name in attacks.ONLY_DIRECTLY:
            continue
        made.mark("%s by %s" % (name, way) if way else name)
        GIVES.get(name, put)(made, attack.path, attack.path)


def make_ways(made):
    for way in ("bind mount", "chroot", "container"):
        make_attacks(made, way)


def make_links(made):
    for name, (path, _) in attacks.LINKED.items():
        made.mark(name + " by link")
        GIVES[name](made, path, attacks.LINKS + "/x", known_paths=[path], ino=made.inode(path))


def make_day(made):
    made.mark("day 0")
    useradd = made.process("sbin/useradd")
    made.write("/etc/passwd.55", useradd, new=True)
    made.write("/etc/passwd+", useradd, new=True)
    made.rename("/etc/passwd+", "/etc/passwd", useradd, over=True)
    made.mark("day 5")
    vim = made.process("bin/vim.basic")
    made.rename("/etc/issue", "/etc/issue~", vim)
    made.write("/etc/issue", vim, new=True, file={"size": 7})
    made.event("unlink", "/etc/issue~", vim)
    made.mark("day 6")
    made.rename("/var/log/dpkg.log", "/var/log/dpkg.log.1", made.process("bin/mv"))
    made.write("/var/log/dpkg.log", made.process("bin/dash"), new=True)
    made.mark("day 8")
    append(made, None, "/var/log/auth.log")
    made.mark("day 9")
    ldconfig = made.process("sbin/ldconfig")
    made.write("/etc/ld.so.cache~", ldconfig, new=True)
    made.rename("/etc/ld.so.cache~", "/etc/ld.so.cache", ldconfig, over=True)


def make_more(made):
    made.mark("upload")
    made.write("/srv/www/shell.php", made.process("bin/dash", uid=33), new=True)
    made.mark("ransom")
    shell = made.process("bin/dash")
    for number in range(60):
        made.write("/srv/www/data/%d" % number, shell, cut=True)
    made.mark("stage")
    set_id(made, "/srv/www/art", None)
    remove(made, "/srv/www/art", None)
    made.mark("login")
    made.write("/etc/motd", made.process("bin/dash", auid=1000, login_user="x"))
    made.mark("contained")
    made.write("/srv/www/index", made.process("bin/dash", container=attacks.HEX))
    made.mark("append")
    shell = made.process("bin/dash")
    made.write("/srv/www/log", shell, new=True)
    made.write("/srv/www/log", shell)
    made.mark("rewrite")
    made.write("/srv/www/log", made.process("bin/dash"), cut=True)
    made.mark("fifo")
    set_back(made, "/srv/www/index", None)


def validated(records):
    """The same, each of them such as fim writes."""
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    for record in records:
        validator.validate(record)
    return records


def stream(directory, name, make):
    """The path of a recorded stream, or of one made here."""
    recorded = os.path.join(RECORDED, name + ".jsonl")
    if os.path.exists(recorded):
        return recorded
    made = Made()
    make(made)
    path = os.path.join(directory, name + ".jsonl")
    with open(path, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in validated(made.records))
    return path


DIRECTORY = tempfile.mkdtemp(prefix="fim-streams-")
atexit.register(shutil.rmtree, DIRECTORY, True)
ATTACKS, WAYS, LINKS, DAY, MORE = (stream(DIRECTORY, name, make) for name, make in (
    ("attacks", make_attacks), ("ways", make_ways), ("links", make_links), ("day", make_day),
    ("more", make_more)))


def lines_of(path):
    """As they are."""
    with open(path, "rb") as file:
        return file.read()


def acts(path):
    """{mark: [Record]} of a stream."""
    import fim
    found, at = {}, None
    for record in fim.read(path):
        if record.path and record.path.startswith(MARKS):
            at = found.setdefault(record.path[len(MARKS):], [])
        elif at is not None:
            at.append(record)
    return found
