# SPDX-License-Identifier: GPL-2.0-only
"""Records as the schema has them, for tests that need days of them and no kernel."""
import datetime

NOW = "2026-11-23T05:00:00.000000000Z"
HOST = {"name": "h", "machine_id": None, "boot_id": None}
OF_OP = {"close": {"count": 1, "bytes": None}, "rename": {"replaced": None, "exchange": False},
         "link": {"created": False}, "symlink": {"target": "x"},
         "mount": {"mount": {"source": "/x", "type": "ext4", "options": "rw"}},
         "umount": {"mount": {"source": "/x", "type": "ext4", "options": "rw"}}}


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
