"""What a check found: grouped text for people, or records."""

import base64
import grp
import os
import pwd
import stat
import time

from fim.facts import ATTRIBUTES, SHOWN, members, name_text, shown, unpack
from fim.output import opened
from fim.stream import path_members

__all__ = ["accept_members", "facts_lines", "local_time", "printable", "render", "write_lines",
           "write_records"]

GROUPS = (("new", "new"), ("removed", "removed"), ("moved", "moved or renamed"),
          ("changed", "changed"), ("unreadable", "not compared, for it could not be read"))
LETTERS = {word: letter for word, letter, _, _ in ATTRIBUTES}
PACKAGE_WORDS = {"matches": "as in the package", "content_matches": "content as in the package",
                 "differs": "not as in the package", "missing": "missing of the package"}
HASH_SHOWN = 16  # characters: enough to see that it is another


def printable(text):
    """Bytes or text without anything that would act on a terminal."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable()
                   else "".join("\\x%02x" % byte for byte in char.encode("utf-8", "replace"))
                   for char in text)


def write_lines(path, lines):
    """Lines for people, to a file or to standard output."""
    with opened(path) as sink:
        for line in lines:
            for part in line.split("\n"):
                sink.write((printable(part) + "\n").encode("utf-8"))


def owner_name(table, number):
    """"root", or the number where nobody has it."""
    try:
        return table(number)[0]
    except KeyError:
        return str(number)


def local_time(nanoseconds, utc):
    """For people: seconds are enough, unless two are the same."""
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = time.gmtime(seconds) if utc else time.localtime(seconds)
    return "%s.%06d %s" % (time.strftime("%Y-%m-%d %H:%M:%S", moment), rest // 1000,
                           "+0000" if utc else time.strftime("%z", moment))


class Report:
    """Text of one check."""

    def __init__(self, check, utc=False):
        self.check = check
        self.utc = utc
        self.lines = []

    def value(self, word, raw):
        """One value as a person reads it."""
        if raw is None:
            return "none"
        if word in ("mtime", "ctime"):
            return local_time(raw, self.utc)
        if word == "uid":
            return owner_name(pwd.getpwuid, raw)
        if word == "gid":
            return owner_name(grp.getgrgid, raw)
        value = shown(word, raw)
        if isinstance(value, dict):
            value = ["%s=%s" % item for item in sorted(value.items())]
        return printable(",".join(value) if isinstance(value, list) else str(value))

    def short(self, word, raw):
        """Of a hash as much as shows that it is another."""
        value = self.value(word, raw)
        return value[:HASH_SHOWN] + "…" if word == "hash" and raw else value

    def summary(self, facts):
        """A new or removed file in a line."""
        values = unpack(facts)
        kind = SHOWN["type"](values["type"])
        words = ["%s %04o" % (kind, values["mode"]),
                 "%s:%s" % (self.value("uid", values["uid"]), self.value("gid", values["gid"]))]
        if stat.S_ISREG(values["type"]):
            words.append("%d bytes" % values["size"])
        if "target" in values:
            words.append("-> " + self.value("target", values["target"]))
        return ", ".join(words)

    def title(self, finding):
        """Its first line, without what is different."""
        text = printable(finding.path)
        if finding.state == "moved":
            text = "%s, before %s" % (text, printable(finding.old_path))
        elif finding.old_path is not None:
            text = "%s, where now is what was %s" % (text, printable(finding.old_path))
        notes = []
        if finding.growth:
            notes.append("a growing file that was " + finding.growth)
        if finding.after and "unstable" in unpack(finding.after):
            notes.append("it changed while it was read")
        if finding.package:
            notes.append("%s: %s" % (finding.package[0], PACKAGE_WORDS[finding.package[1]]))
        return text + "".join("  [%s]" % printable(note) for note in notes)

    def add(self, finding):
        """A finding with what is different."""
        self.lines.append("  " + self.title(finding))
        if finding.state in ("new", "removed"):
            self.lines.append("      " + self.summary(finding.after or finding.before))
            return
        if not finding.before or not finding.after:
            return
        old, new = unpack(finding.before), unpack(finding.after)
        for word in finding.changed:
            self.lines.append("      %s %-12s %s -> %s" % (
                LETTERS[word], word, self.short(word, old.get(word)),
                self.short(word, new.get(word))))
        self.lines += ["      | " + printable(line) for line in finding.diff]

    def add_group(self, state, title):
        """All of one state."""
        findings = [finding for finding in self.check.findings if finding.state == state]
        if findings:
            self.lines += ["", "%s: %d" % (title, len(findings))]
        for finding in findings:
            self.add(finding)

    def add_notices(self):
        """What was not looked at."""
        if self.check.notices:
            self.lines += ["", "not looked at: %d" % len(self.check.notices)]
        for path, number, why in self.check.notices:
            self.lines.append("  %s: %s" % (printable(path), why or os.strerror(number)))

    def head(self):
        """What was compared with what."""
        check = self.check
        what = ", content not compared (--quick)" if check.quick else ""
        said = "%d names compared with the baseline of %s (%s)%s" % (
            check.checked, check.baseline[:19] + "Z", check.digest[:HASH_SHOWN] + "…", what)
        total = sum(check.counts().values())
        said += ": nothing differs" if not total else ": %d differ" % total
        if check.appended:
            said += ", %d only grew" % check.appended
        if check.excluded:
            said += ", %d excluded" % check.excluded
        return "check %d: %s" % (check.number, said)

    def text(self):
        """All of it."""
        self.lines = [self.head()]
        for state, title in GROUPS:
            self.add_group(state, title)
        self.add_notices()
        return "\n".join(self.lines) + "\n"


def render(check, utc=False):
    """The text of a check, as bytes."""
    return Report(check, utc).text().encode("utf-8", "backslashreplace")


def changed_members(finding):
    """{attribute: {before, after}}"""
    if not finding.before or not finding.after:
        return {}
    old, new = unpack(finding.before), unpack(finding.after)
    return {word: {"before": shown(word, old.get(word)), "after": shown(word, new.get(word))}
            for word in finding.changed}


def finding_members(check, finding):
    """The members of a `finding` record."""
    record = {"check": str(check.number), "state": finding.state,
              "changed": changed_members(finding),
              "file": members(finding.after or finding.before)}
    record.update(path_members("path", finding.path))
    record.update(path_members("old_path", finding.old_path))
    if finding.growth:
        record["growth"] = finding.growth
    if finding.diff:
        record["diff"] = "\n".join(finding.diff)
    if finding.package:
        record["package"] = dict(zip(("name", "state"), finding.package))
    return record


def notice_record(path, number, why):
    """(kind, members) of what was not looked at."""
    if why:
        return "withheld", dict(path_members("path", path), reason=why)
    return "error", dict(path_members("where", path), message=os.strerror(number))


def accept_members(record):
    """The members of an `accept` record."""
    members_of = dict(record, paths=[name_text(path) for path in record["paths"]])
    try:
        for path in record["paths"]:
            path.decode("utf-8")
    except UnicodeDecodeError:
        members_of["paths_b64"] = [base64.b64encode(path).decode("ascii")
                                   for path in record["paths"]]
    return members_of


def facts_lines(facts):
    """(letter, word, value) of everything that is known."""
    values = unpack(facts)
    plain = Report(None)
    return [(letter, word, plain.value(word, values[word]))
            for word, letter, _, _ in ATTRIBUTES if word in values]


def write_records(check, stream):
    """Findings, what was not looked at, then the check itself."""
    for finding in check.shown():
        stream.emit("finding", finding_members(check, finding))
    for notice in check.notices:
        stream.emit(*notice_record(*notice))
    stream.emit("check", check.record())
