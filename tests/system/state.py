# SPDX-License-Identifier: GPL-2.0-only
"""What a tree holds: by walking it, and by what a stream tells of it."""
import datetime
import os
import stat

BEFORE_DATA = ("modify", "mmap")  # what the content is like is told by the close


def time_text(ns):
    """As records have it."""
    moment = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + ".%09dZ" % (ns % 10**9)


def facts_of_stat(st):
    facts = {"mode": "%04o" % stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid}
    if not stat.S_ISDIR(st.st_mode):
        facts.update(size=st.st_size, nlink=st.st_nlink, mtime=time_text(st.st_mtime_ns))
    return facts


def facts_of_file(file):
    """Of what a scan could not read there are but few."""
    if "uid" not in file:
        return {"mode": file["mode"]}
    keys = ["mode", "uid", "gid"] + (["size", "nlink", "mtime"] if file["type"] != "directory" else [])
    return {key: file[key] for key in keys}


class State:
    """names   {path: inode number}
    facts   {inode number: what it is like}
    last    {inode number of a directory: the path it was last known by}: what is in a
            directory goes with it, also if only its missing and its coming are told
    as_of   {inode number: of when its facts are}: what a start found comes before the records
            of acts that were done meanwhile, and some of those are of a file that had the
            number before
    """

    def __init__(self, root):
        self.root, self.names, self.facts, self.last, self.as_of = root, {}, {}, {}, {}
        self.look(root)
        for directory, names, files in os.walk(root):
            for name in names + files:
                self.look(os.path.join(directory, name))

    def look(self, path):
        st = os.lstat(path)
        self.facts[str(st.st_ino)] = facts_of_stat(st)
        self.as_of[str(st.st_ino)] = time_text(st.st_ctime_ns), ""
        self.place(path, str(st.st_ino), stat.S_ISDIR(st.st_mode))

    def items(self):
        """{path: what it leads to is like}, of what lies in directories that were told of: what
        is told in another is told again when that is."""
        return {path: dict(self.facts[ino], ino=ino) for path, ino in self.names.items()
                if self.is_told(os.path.dirname(path))}

    def is_told(self, directory):
        """Whether each directory down to this one has been."""
        return directory == self.root or (directory in self.names
                                          and self.is_told(os.path.dirname(directory)))

    def apply(self, record):
        """Take in one record of the stream."""
        if not record.get("path"):
            return
        if record["kind"] == "event":
            self.apply_event(record)
        elif record["kind"] == "reconcile" and record["file"] is None:
            self.names.pop(record["path"], None)
        elif record["kind"] in ("reconcile", "found"):
            self.is_news(record)
            self.facts[record["file"]["ino"]] = facts_of_file(record["file"])
            self.place(record["path"], record["file"]["ino"], record["file"]["type"] == "directory")

    def apply_event(self, record):
        op, path, file, news = record["op"], record["path"], record["file"], self.is_news(record)
        if news and op not in BEFORE_DATA:
            self.facts[file["ino"]] = facts_of_file(file)
        if news and op in ("create", "mkdir", "mknod", "symlink"):
            self.last.pop(file["ino"], None)  # another had its number
        if op == "rename":
            self.names.pop(record["old_path"], None)
        if op in ("unlink", "rmdir") or record["deleted"]:
            self.names.pop(path, None)
        else:
            self.place(path, file["ino"], file["type"] == "directory")

    def is_news(self, record):
        """Whether it is of later than what is known of its inode. What is found is told late, and
        is as of its ctime: an act in the same tick of that clock may come after it."""
        time = record["time"] if record["kind"] == "event" else ""
        moment = record["file"].get("ctime", ""), time
        known = self.as_of.get(record["file"]["ino"], ("", ""))
        self.as_of[record["file"]["ino"]] = max(known, moment)
        return moment >= known

    def place(self, path, ino, is_directory):
        """Also what is in it, if it comes from elsewhere."""
        self.names[path] = ino
        if not is_directory:
            return
        old, self.last[ino] = self.last.get(ino, path), path
        if old == path:
            return
        if self.names.get(old) == ino:
            del self.names[old]
        for name in [name for name in self.names if name.startswith(old + "/")]:
            below = path + name[len(old):]
            self.names[below] = self.names.pop(name)
            if self.last.get(self.names[below]) == name:
                self.last[self.names[below]] = below


def differences(one, other):
    """{path: what each says of it}"""
    one, other = one.items(), other.items()
    return {path: (one.get(path), other.get(path)) for path in set(one) | set(other)
            if one.get(path) != other.get(path)}
