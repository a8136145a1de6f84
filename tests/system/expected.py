# SPDX-License-Identifier: GPL-2.0-only
"""What the records of a workload must say: every member, by the workload's own account."""
import datetime
import os
import pwd

# Looked at by `volatile`, not compared as they are.
VOLATILE = ("v", "kind", "seq", "stream", "time", "host", "labels", "mono_ns")
CLOCK_SLACK_NS = 10**8  # between two clocks read one after the other on a busy machine


def name_of(uid):
    """The name of a user, None when there is none."""
    try:
        return None if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def nanoseconds(text):
    """Of a contract's time, since 1970."""
    moment = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return int((moment - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**9 + int(text[20:29])


def process(report):
    """The `process` member of every record of a workload, without start and entity_id."""
    who = report.who
    return {
        "pid": who["pid"], "tid": who["tid"], "ppid": who["ppid"], "parent": report.parent,
        "uid": who["uid"], "euid": who["euid"], "gid": who["gid"], "auid": who["auid"],
        "user": name_of(who["uid"]), "login_user": name_of(who["auid"]), "ses": who["ses"],
        "comm": who["comm"], "exe": report.program, "exe_ino": who["exe_ino"],
        "exe_deleted": False, "args": report.arguments, "args_cut": False, "cwd": report.cwd,
        "tty": None, "mnt_ns": who["mnt_ns"][5:-1], "cgroup": cgroup(who["cgroup"]),
        "container": None,
    }


def cgroup(line):
    """The path in a line of /proc/PID/cgroup."""
    return line.split(":", 2)[2] if line else "/"  # no hierarchy is mounted: the root


def kernel_dev(path, dev):
    """What a hook sees: of a btrfs the mount's, where stat tells one for each subvolume; of
    an overlay the upper layer's."""
    with open("/proc/self/mountinfo") as lines:
        for fields in (line.split() for line in lines):
            if not path.startswith(fields[4] + "/"):
                continue
            if "btrfs" in fields:
                return fields[2]
            if "overlay" in fields:
                layer = os.stat(fields[-1].split("upperdir=")[1].split(",")[0]).st_dev
                return "%d:%d" % (os.major(layer), os.minor(layer))
    return dev


def event(report, op, path, file, **members):
    """One record of a workload, without what is volatile."""
    record = {
        "op": op, "result": "success", "errno": None, "path": path, "path_complete": True,
        "path_mount": "exact", "deleted": False, "names_known": 1, "file": file, "late": False,
        "kernel": {"dev": kernel_dev(path, file["dev"]), "ino": file["ino"]}, "process": process(report),
        "matched": "inode",
    }
    record.update(members)
    return record


def comparable(record):
    """A record without what is volatile."""
    left = {key: value for key, value in record.items() if key not in VOLATILE}
    left["kernel"] = {key: left["kernel"][key] for key in ("dev", "ino")}
    left["process"] = {key: value for key, value in left["process"].items()
                       if key not in ("start", "entity_id")}
    if "known_paths" in left:
        left["known_paths"] = sorted(left["known_paths"])
    return left


def differences(got, want, where=""):
    """["path: got X, want Y"] of two nested dictionaries."""
    if isinstance(got, dict) and isinstance(want, dict):
        return [line for key in sorted(set(got) | set(want))
                for line in differences(got.get(key, "(none)"), want.get(key, "(none)"),
                                        "%s.%s" % (where, key))]
    return [] if got == want else ["%s: got %r, want %r" % (where[1:], got, want)]


def without(record, ignored):
    """A copy whose member objects lack attributes: {member: (attribute, ...)}."""
    copy = dict(record)
    for member, names in ignored.items():
        if copy.get(member):
            copy[member] = {key: value for key, value in copy[member].items() if key not in names}
    return copy


def summary(records):
    """Enough of them to see what came."""
    return ["%s %s" % (record["op"], record["path"]) for record in records]


def check(events, wants, ignored=None, always=None):
    """The events are exactly `wants`, in this order; but for `ignored` {op: {member: names}}
    and `always` {member: names}."""
    assert summary(events) == summary(wants)
    for got, want in zip(events, wants):
        left_out = dict(always or {})
        for member, names in (ignored or {}).get(want["op"], {}).items():
            left_out[member] = tuple(names) + tuple(left_out.get(member, ()))
        found = differences(without(comparable(got), left_out), without(want, left_out))
        assert not found, summary([got]) + found


def check_times(events, report, per_act):
    """Each record lies within its act, and each process is born when it says."""
    assert len(events) == per_act * len(report.acts)
    for number, record in enumerate(events):
        act = report.acts[number // per_act]
        assert act["from"] <= record["mono_ns"] <= act["to"]
        assert abs(nanoseconds(record["process"]["start"]) - report.start_ns) < CLOCK_SLACK_NS
    assert len({record["process"]["entity_id"] for record in events}) == 1
    assert all(record["host"]["name"] == os.uname()[1] for record in events)
