"""What the baseline knows of one inode: packed facts (ext/facts.h) as values, and what differs."""

import base64
import calendar
import datetime
import errno
import functools
import stat
import struct
import time

from fim import _core

__all__ = ["ATTRIBUTES", "EXPLAINED", "HEAD_SIZE", "difference", "identity", "is_directory",
           "members", "mode_of", "name_text", "nanoseconds_of", "same_content", "shown",
           "time_text", "unpack", "whole_seconds"]

ATTRIBUTES = _core.ATTRIBUTES
HEAD = struct.Struct("<%dQ" % _core.FACTS_HEAD)
HEAD_SIZE = HEAD.size
ITEM = struct.Struct("<BI")
WORDS = tuple(word for word, _, _, _ in ATTRIBUTES)
FORMS = {word: form for word, _, form, _ in ATTRIBUTES}
COMPARED = {word: compared for word, _, _, compared in ATTRIBUTES}
SIGNED_TIME = struct.Struct("<q")
IDENTITY = 3 * 8  # dev, ino, type are the first of the head

# Of a directory, what names that come or go in it change.
EXPLAINED = {word for word, _, _, compared in ATTRIBUTES if compared == "follows"}

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
         stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block"}
FORMATS = {word: number for number, word in TYPES.items()}

# chattr(1)'s words for FS_*_FL
FLAGS = ((0x1, "secure_deletion"), (0x2, "undelete"), (0x4, "compress"), (0x8, "sync"),
         (0x10, "immutable"), (0x20, "append"), (0x40, "nodump"), (0x80, "noatime"),
         (0x400, "nocompress"), (0x800, "encrypt"), (0x4000, "journal"), (0x8000, "notail"),
         (0x10000, "dirsync"), (0x20000, "topdir"), (0x100000, "verity"), (0x800000, "nocow"),
         (0x2000000, "dax"), (0x20000000, "projinherit"), (0x40000000, "casefold"))

SECONDS_400_YEARS = 146097 * 86400
ACL_HEADER, ACL_ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
ACL_TAGS = {0x01: "user:", 0x02: "user:%d", 0x04: "group:", 0x08: "group:%d", 0x10: "mask:",
            0x20: "other:"}


def identity(facts):
    """Which inode it is: equal for two names of one file."""
    return facts[:IDENTITY]


def is_directory(facts):
    """Whether it is of a directory."""
    return stat.S_ISDIR(HEAD.unpack_from(facts)[WORDS.index("type")])


def unpack(facts):
    """{word: raw value}: numbers of the head, bytes of the tail; `xattrs` is a list. ValueError:
    they are no facts."""
    try:
        return unpack_tail(facts, dict(zip(WORDS, HEAD.unpack_from(facts))))
    except (struct.error, IndexError):
        raise ValueError("malformed facts")


def unpack_tail(facts, values):
    """`values` and what is behind the head."""
    at = HEAD_SIZE
    while at < len(facts):
        number, length = ITEM.unpack_from(facts, at)
        at += ITEM.size + length
        if at > len(facts):
            raise IndexError(at)
        value, word = facts[at - length:at], WORDS[number]
        if word == "xattrs":
            values.setdefault(word, []).append(value)
        else:
            values[word] = value
    return values


def compares(word, directory):
    """Whether a difference of this attribute is one."""
    return COMPARED[word] != "never" and not (directory and COMPARED[word] == "content")


def difference(before, after):
    """[word] of what differs between two packed facts, in the order of the table."""
    old, new = unpack(before), unpack(after)
    directory = old["type"] == new["type"] == stat.S_IFDIR
    words = WORDS[:_core.FACTS_HEAD] if "unreadable" in new else WORDS
    return [word for word in words
            if compares(word, directory) and old.get(word) != new.get(word)]


def same_content(before, after):
    """Whether two facts of one inode are of one file that was only moved."""
    old, new = unpack(before), unpack(after)
    return all(old.get(word) == new.get(word) for word in ("size", "mtime", "hash", "target"))


def time_text(nanoseconds):
    """RFC 3339, UTC, as records have it; None outside of four-digit years."""
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return None
    return "%s.%09dZ" % (moment.isoformat(), rest)


@functools.lru_cache(1024)
def whole_seconds(text):
    """Of 2026-11-23T10:00:00, since 1970. Python has no year 0000, files have: 400 years later
    every day is the same."""
    if text.startswith("0000"):
        return whole_seconds("0400" + text[4:]) - SECONDS_400_YEARS
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def nanoseconds_of(text):
    """time_text()'s, back."""
    return whole_seconds(text[:19]) * 10**9 + int(text[20:-1])


def mode_of(kind, permissions):
    """A file's whole mode, of its type's word and octal text."""
    return FORMATS[kind] | int(permissions, 8)


def device_text(number):
    """major:minor of the kernel's dev_t"""
    return "%d:%d" % (number >> 20, number & 0xfffff)


def name_text(name):
    """Bytes as text: what is not UTF-8 is \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def flags_text(value):
    """The words of set flags."""
    number = int.from_bytes(value, "little")
    return [word for bit, word in FLAGS if number & bit]


def acl_entry(tag, permissions, number):
    """One entry as getfacl(1) writes it, ids in numbers."""
    who = ACL_TAGS.get(tag, "?%d:" % tag)
    rights = "".join(letter if permissions & bit else "-"
                     for bit, letter in ((4, "r"), (2, "w"), (1, "x")))
    return "%s:%s" % (who % number if "%" in who else who, rights)


def acl_text(value):
    """[entry] of a POSIX ACL."""
    if len(value) < ACL_HEADER.size or (len(value) - ACL_HEADER.size) % ACL_ENTRY.size:
        return [base64_text(value)]
    return [acl_entry(*ACL_ENTRY.unpack_from(value, at))
            for at in range(ACL_HEADER.size, len(value), ACL_ENTRY.size)]


def base64_text(value):
    """Bytes for JSON."""
    return base64.b64encode(value).decode("ascii")


def xattr_texts(values):
    """{name: value} of extended attributes without a row of their own."""
    return {name_text(name): base64_text(value)
            for name, _, value in (item.partition(b"\0") for item in values)}


# form of the table: raw value to what JSON shows
SHOWN = {
    "number": int,
    "text": str,
    "dev": device_text,
    "type": lambda value: TYPES.get(value, "file"),
    "mode": lambda value: "%04o" % value,
    "time": lambda value: time_text(SIGNED_TIME.unpack(struct.pack("<Q", value))[0]),
    "flags": flags_text,
    "name": lambda value: name_text(value.rstrip(b"\0")),
    "hex": lambda value: value.hex(),
    "acl": acl_text,
    "base64": base64_text,
    "xattr": xattr_texts,
    "errno": lambda value: errno.errorcode.get(int.from_bytes(value, "little"), "EIO"),
    "mark": lambda value: True,
}


def shown(word, value):
    """A raw value as JSON has it; None where there is none."""
    return None if value is None else SHOWN[FORMS[word]](value)


def members(facts):
    """All facts as JSON has them; rdev only of devices."""
    values = unpack(facts)
    if values["rdev"] == 0:
        del values["rdev"]
    return {word: shown(word, values[word]) for word in WORDS if word in values}
