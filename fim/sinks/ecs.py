"""A record as an Elastic Common Schema document; what ECS has no field for is below `fim`."""

import posixpath

from fim.sinks.members import given, rest

__all__ = ["ECS_VERSION", "document"]

ECS_VERSION = "8.17.0"

# op, state or kind: event.type, as ECS's category `file` allows them
TYPES = {"create": "creation", "mkdir": "creation", "mknod": "creation", "symlink": "creation",
         "link": "creation", "unlink": "deletion", "rmdir": "deletion", "open": "access",
         "new": "creation", "removed": "deletion", "missing": "deletion", "found": "info",
         "content": "info", "withheld": "info", "approved": "info", "unchanged": "info",
         "unreadable": "info"}
# kind of record: event.kind
KINDS = {"alert": "alert", "coverage": "state", "heartbeat": "state", "check": "state",
         "baseline": "state", "approved": "state"}
FILE_TYPES = {"directory": "dir"}
HASHES = {"md5", "sha1", "sha256", "sha384", "sha512"}
# Whole in fields of ECS; of `process` what is left below is kept.
MAPPED = {"v", "seq", "stream", "time", "host", "labels", "errno", "process"}
MAPPED_PROCESS = {"pid", "tid", "start", "entity_id", "ppid", "parent", "uid", "euid", "gid",
                  "user", "comm", "exe", "args", "cwd", "auid", "login_user", "container"}


def text(number):
    """An id as ECS has them."""
    return None if number is None else str(number)


def event_of(record):
    """event.*"""
    kind = record["kind"]
    op = record.get("op") or record.get("state") or kind
    if "path" in record:
        category, what = "file", TYPES.get(op, "change")
    else:  # of the category `host` ECS expects no type `error`
        category, what = "host", "info"
    return given({"kind": KINDS.get(kind, "event"), "category": [category], "type": [what],
                  "action": op, "outcome": record.get("result"), "module": "fim",
                  "dataset": "fim." + kind, "sequence": record["seq"], "code": record.get("errno"),
                  "id": "%s-%d" % (record["stream"], record["seq"]),
                  "reason": record.get("reason")})


def file_of(record):
    """file.*"""
    path, facts = record.get("path"), record.get("file") or {}
    hashes = {name: value for name, value in (record.get("hash") or {}).items() if name in HASHES}
    found = {"path": path, "target_path": record.get("target"), "inode": facts.get("ino"),
             "device": facts.get("dev"), "mode": facts.get("mode"), "uid": text(facts.get("uid")),
             "gid": text(facts.get("gid")), "size": facts.get("size"),
             "mtime": facts.get("mtime"), "ctime": facts.get("ctime"),
             "type": FILE_TYPES.get(facts.get("type"), facts.get("type")),
             "attributes": record.get("flags"), "hash": hashes}
    if path:
        found.update(name=posixpath.basename(path), directory=posixpath.dirname(path),
                     extension=posixpath.splitext(path)[1][1:] or None)
    return given(found)


def process_of(process):
    """process.*"""
    parent = process["parent"] or {}
    whole = process["args"] is not None and not process["args_cut"]
    return given({
        "pid": process["pid"], "entity_id": process["entity_id"], "start": process["start"],
        "name": process["comm"], "executable": process["exe"], "args": process["args"],
        "args_count": len(process["args"]) if whole else None,
        "working_directory": process["cwd"], "thread": {"id": process["tid"]},
        "parent": given({"pid": process["ppid"], "executable": parent.get("exe")})})


def user_of(process):
    """user.*; `audit`, whose it was at the login, by the name that Auditbeat gave it."""
    return given({
        "id": text(process["uid"]), "name": process["user"],
        "effective": given({"id": text(process["euid"])}),
        "group": given({"id": text(process["gid"])}),
        "audit": given({"id": text(process["auid"]), "name": process["login_user"]})})


def document(record):
    """The whole document."""
    host, process = record["host"], record.get("process")
    found = {
        "@timestamp": record["time"], "ecs": {"version": ECS_VERSION}, "event": event_of(record),
        "agent": {"type": "fim", "ephemeral_id": record["stream"]},
        "host": given({"name": host["name"], "hostname": host["name"], "id": host["machine_id"],
                       "boot": given({"id": host["boot_id"]})}),
        "labels": record["labels"], "file": file_of(record), "fim": rest(record, MAPPED, MAPPED_PROCESS)}
    if process:
        found.update(process=process_of(process), user=user_of(process),
                     container=given({"id": process["container"]}))
    if record["kind"] in ("error", "alert"):
        found.update({"error" if record["kind"] == "error" else "rule":
                      {"message": record["message"]} if record["kind"] == "error"
                      else {"name": record["rule"]}})
    return given(found)
