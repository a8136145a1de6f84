"""A record of a journal as a line for people, in the columns of `fim watch`."""

from fim.records import Record
from fim.report import local_time, printable

__all__ = ["record_text"]

ARGUMENTS = 60  # characters of them
JOINED = {"rename": "%(old_path)s -> %(path)s", "symlink": "%(path)s -> %(target)s",
          "link": "%(path)s = %(target_path)s"}
EXCHANGED = "%(old_path)s <-> %(path)s"


def subject(record):
    """What it was done to, in the notation of ls and mv."""
    members = dict(record.as_dict())
    if members["path"] is None:
        members["path"] = (members.get("known_paths") or ["?"])[0]
    form = EXCHANGED if record.exchange else JOINED.get(record.op, "%(path)s")
    return form % members


def change(word, values):
    """mode 0644 -> 4755"""
    return "%s %s -> %s" % (word, values["before"], values["after"])


def remarks(record):
    """(what else there is to say)"""
    changed = record.changed.as_dict() if record.changed else {}
    said = [change(word, values) for word, values in sorted(changed.items())]
    if record.op == "close":
        said.append("%s change%s" % (record.count, "" if record.count == 1 else "s"))
    if record.xattr:
        said.append(record.xattr.name)
    said += [word for word in ("replaced", "deleted", "late", "created")
             if record.as_dict().get(word)]
    if record.result != "success":
        said.append(record.result)
    return "".join(" (%s)" % text for text in said)


def actor(process):
    """Who did it."""
    user = process.user or process.uid
    login = process.login_user or process.auid
    text = "by %s" % user
    if login is not None and process.auid != process.uid:
        text += " (login %s)" % login
    text += "  %s[%s]" % (process.exe or process.comm, process.pid)
    if process.parent and process.parent.exe:
        text += " < %s" % process.parent.exe
    arguments = " ".join(process.args or ())
    if arguments:
        text += "  $ " + arguments[:ARGUMENTS] + (" ..." if arguments[ARGUMENTS:] else "")
    return text


def event_text(record):
    """What, to what, by whom."""
    what = "%-36s" % (subject(record) + remarks(record))
    return "%-10s %s  %s" % (record.op, what, actor(record.process))


def other_text(record):
    """Of other kinds the members that say something."""
    said = [record.as_dict().get(name) for name in ("path", "where", "reason", "message", "state")]
    if record.paths:
        said.append(" ".join(record.paths))
    if record.head:
        said.append("link %d" % record.head.link)
    if record.lost:
        said.append("%d records lost" % record.lost)
    if record.since and record.until:
        said.append("%s to %s" % (record.since, record.until))
    return "%-10s %s" % (record.kind, ": ".join(str(part) for part in said if part))


def record_text(members, utc=False):
    """One line, without its end."""
    record = Record(members)
    text = event_text(record) if record.kind == "event" else other_text(record)
    return "%s  %s" % (local_time(record.time_ns, utc), printable(text))
