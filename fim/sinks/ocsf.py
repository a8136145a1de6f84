"""A record as an OCSF document: File System Activity, Detection Finding, or a Base Event.

What OCSF has no attribute for is in `unmapped`, by our names.
"""

import calendar
import functools
import posixpath
import shlex
import time

from fim.sinks.members import given, rest
from fim.version import VERSION

__all__ = ["OCSF_VERSION", "document"]

OCSF_VERSION = "1.5.0"
FILE_ACTIVITY, DETECTION_FINDING, BASE_EVENT = 1001, 2004, 0
OTHER = 99
CREATE, UPDATE, DELETE, RENAME, ATTRIBUTES, SECURITY, MOUNT, UNMOUNT, OPEN = (
    1, 3, 4, 5, 6, 7, 12, 13, 14)
ACTIVITIES = {
    "create": CREATE, "mkdir": CREATE, "mknod": CREATE, "symlink": CREATE, "link": CREATE,
    "unlink": DELETE, "rmdir": DELETE, "rename": RENAME, "open": OPEN, "modify": UPDATE,
    "close": UPDATE, "truncate": UPDATE, "mmap": UPDATE, "chmod": SECURITY, "chown": SECURITY,
    "utimes": ATTRIBUTES, "setxattr": ATTRIBUTES, "removexattr": ATTRIBUTES,
    "setflags": ATTRIBUTES, "mount": MOUNT, "umount": UNMOUNT}
FILE_TYPES = {"file": 1, "directory": 2, "char": 3, "block": 4, "socket": 5, "fifo": 6,
              "symlink": 7}
STATUSES = {"success": 1, "failure": 2}
SEVERITIES = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
KIND_SEVERITIES = {"finding": 3, "alert": 4, "gap": 3, "blind": 4, "error": 3}
INFORMATIONAL = 1
SECONDS_400_YEARS = 146097 * 86400
HASHES = {"md5": 1, "sha1": 2, "sha256": 3, "sha512": 4}
MAPPED = {"v", "seq", "stream", "time", "host", "labels", "result", "errno", "message"}
MAPPED_PROCESS = {"pid", "tid", "entity_id", "ppid", "parent", "uid", "user", "comm", "exe", "cwd",
                  "ses", "tty", "container"}


@functools.lru_cache(maxsize=256)
def seconds(text):
    """Of "2026-11-23T04:54:31". A file can be of the year 0000, which Python has not: it is 400
    years, which are always as long, before another."""
    if text.startswith("0000"):
        return seconds("0400" + text[4:]) - SECONDS_400_YEARS
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def milliseconds(text):
    """A time as OCSF has it."""
    return seconds(text[:19]) * 1000 + int(text[20:23]) if text else None


def user(number, name=None):
    """A user, or nothing."""
    return given({"uid": None if number is None else str(number), "name": name})


def plain_file(path, kind=None):
    """A file of which only the path is known."""
    if not path:
        return {}
    return given({"name": posixpath.basename(path) or path, "path": path,
                  "type_id": FILE_TYPES.get(kind, 0), "parent_folder": posixpath.dirname(path)})


def file_of(record):
    """The file: by its path, its device and inode, and as stat says it."""
    facts, path = record.get("file") or {}, record.get("path")
    identity = "%s/%s" % (facts["dev"], facts["ino"]) if facts else None
    found = plain_file(path, facts.get("type")) or {"name": identity or "?", "type_id": 0}
    hashes = [{"algorithm_id": HASHES.get(name, OTHER), "algorithm": name, "value": value}
              for name, value in sorted((record.get("hash") or {}).items())]
    found.update(given({
        "uid": identity, "size": facts.get("size"), "hashes": hashes,
        "modified_time": milliseconds(facts.get("mtime")), "owner": user(facts.get("uid")),
        "attributes": int(facts["mode"], 8) if facts else None,
        "is_deleted": record.get("deleted"), "ext": posixpath.splitext(path or "")[1][1:] or None}))
    return found


def process_of(process):
    """Who did it."""
    parent = process["parent"] or {}
    args = process["args"]
    return given({
        "pid": process["pid"], "tid": process["tid"], "uid": process["entity_id"],
        "name": process["comm"], "file": plain_file(process["exe"], "file"),
        "cmd_line": " ".join(shlex.quote(one) for one in args) if args is not None else None,
        "created_time": milliseconds(process["start"]),
        "working_directory": process["cwd"], "user": user(process["uid"], process["user"]),
        "container": given({"uid": process["container"]}),
        "parent_process": given({"pid": process["ppid"],
                                 "file": plain_file(parent.get("exe"), "file")})})


def actor_of(process):
    """The process, the user it was started by, and the session of the login."""
    session = given({"uid": None if process["ses"] is None else str(process["ses"]),
                     "terminal": process["tty"]})
    return given({"process": process_of(process), "session": session,
                  "user": user(process["uid"], process["user"])})


def metadata_of(record):
    """Where the document is from."""
    return given({
        "version": OCSF_VERSION, "log_name": "fim", "log_version": str(record["v"]),
        "product": {"name": "fim", "vendor_name": "fim", "version": VERSION},
        "profiles": ["host", "container"], "sequence": record["seq"],
        "uid": "%s-%d" % (record["stream"], record["seq"]), "original_time": record["time"],
        "labels": ["%s:%s" % pair for pair in sorted(record["labels"].items())]})


def activity(record):
    """File System Activity; a rename is of the old name, its result the new one."""
    found = {"activity_id": ACTIVITIES.get(record["op"], OTHER), "file": file_of(record),
             "actor": actor_of(record["process"]),
             "status_id": STATUSES.get(record["result"], 0), "status_code": record["errno"]}
    if found["activity_id"] == OTHER:
        found["activity_name"] = record["op"]
    if record.get("old_path"):
        old = dict(found["file"], **plain_file(record["old_path"], record["file"]["type"]))
        found.update(file=old, file_result=found["file"])
    return found


def finding(record):
    """Detection Finding: of a comparison, or by a rule."""
    title = record.get("message") or "%s: %s" % (record["path"], record["state"])
    process = record.get("process")
    evidence = given({"file": file_of(record) if "path" in record else None,
                      "actor": actor_of(process) if process else None,
                      "data": {"events": record["events"]} if "events" in record else None})
    return {"activity_id": CREATE, "evidences": [evidence], "message": title,
            "is_alert": record["kind"] == "alert",
            "finding_info": given({"uid": "%s-%d" % (record["stream"], record["seq"]),
                                   "title": title, "types": record.get("tags")})}


def base(record):
    """What is neither: the monitor's word about itself."""
    said = record.get("message") or record.get("reason")
    return {"activity_id": OTHER, "activity_name": record["kind"],
            "message": "%s: %s" % (record["kind"], said) if said else record["kind"]}


# kind: (class_uid, category_uid, mapping, what more of the record is in it)
CLASSES = {"event": (FILE_ACTIVITY, 1, activity, {"path"}),
           "finding": (DETECTION_FINDING, 2, finding, {"path"}),
           "alert": (DETECTION_FINDING, 2, finding, {"path"})}


def document(record):
    """The whole document."""
    number, category, mapping, more = CLASSES.get(record["kind"], (BASE_EVENT, 0, base, set()))
    found, host = mapping(record), record["host"]
    found.update({
        "class_uid": number, "category_uid": category,
        "type_uid": number * 100 + found["activity_id"],
        "time": milliseconds(record["time"]), "metadata": metadata_of(record),
        "severity_id": SEVERITIES.get(record.get("severity"),
                                      KIND_SEVERITIES.get(record["kind"], INFORMATIONAL)),
        "device": given({"hostname": host["name"], "uid": host["machine_id"], "type_id": 0,
                         "boot_uid": host["boot_id"]}),
        "unmapped": rest(record, MAPPED | more, MAPPED_PROCESS)})
    return given(found)
