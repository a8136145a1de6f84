# SPDX-License-Identifier: GPL-2.0-only
"""Who did it."""
import os
import shutil

import pytest

import expected
from workload import TIMES

PID_MAX, LAST_PID = "/proc/sys/kernel/pid_max", "/proc/sys/kernel/ns_last_pid"
HIGH = 4000000


def created(room, report, **members):
    """What a run of `create` in the room gives."""
    return [expected.event(report, "create", room.join("f%02d" % act["n"]), act["is"],
                           matched="parent", **members) for act in report.acts]


def test_a_millisecond_long(any_room, workloads):
    """A process that is gone before its record is read."""
    report = workloads.run("parent", any_room.path)
    events = any_room.events()
    wants = created(any_room, report)
    brief = workloads.program("brief")
    for act, want in zip(report.acts, wants):
        child = {"pid": act["value"], "tid": act["value"], "ppid": report.who["pid"],
                 "parent": {"pid": report.who["pid"], "exe": report.program},
                 "comm": "brief", "exe": brief, "exe_ino": str(os.stat(brief).st_ino),
                 "args": ["brief", "f%02d" % act["n"], "two words", ""]}
        want["process"] = dict(want["process"], **child)
    expected.check(events, wants)
    assert len({event["process"]["entity_id"] for event in events}) == TIMES
    for act, event in zip(report.acts, events):
        born = expected.nanoseconds(event["process"]["start"])
        age = expected.nanoseconds(event["time"]) - born
        assert 0 < age < act["to"] - act["from"] + expected.CLOCK_SLACK_NS


def write(path, number):
    with open(path, "w") as file:
        file.write(str(number))


@pytest.fixture
def high_numbers():
    """Processes are numbered from HIGH on, as on hosts of many CPUs."""
    with open(PID_MAX) as file:
        usual = int(file.read())
    write(PID_MAX, 1 << 22)
    write(LAST_PID, HIGH)
    yield
    write(PID_MAX, usual)


@pytest.mark.usefixtures("high_numbers")
def test_a_number_beyond_16_bits(any_room, workloads):
    report = workloads.run("create", any_room.path)
    events = any_room.events()
    expected.check(events, created(any_room, report))
    assert events[0]["process"]["pid"] > HIGH


def test_a_user(any_room, workloads):
    os.chown(any_room.path, 65534, 65534)
    any_room.forget()

    def become_nobody():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)

    report = workloads.run("create", any_room.path, before=become_nobody)
    events = any_room.events()
    expected.check(events, created(any_room, report))
    assert (events[0]["process"]["uid"], events[0]["process"]["user"]) == (65534, "nobody")
    assert events[0]["file"]["uid"] == 65534


def test_an_effective_user(any_room, workloads):
    report = workloads.run("create", any_room.path, before=lambda: os.setresuid(65534, 0, 0))
    events = any_room.events()
    expected.check(events, created(any_room, report))
    assert (events[0]["process"]["uid"], events[0]["process"]["euid"]) == (65534, 0)


def test_a_login(any_room, workloads):
    """The login uid outlives every change of user; who set it is in the audit session."""
    def log_in():
        with open("/proc/self/loginuid", "w") as file:
            file.write("1")

    report = workloads.run("create", any_room.path, before=log_in)
    events = any_room.events()
    expected.check(events, created(any_room, report))
    assert (events[0]["process"]["auid"], events[0]["process"]["login_user"]) == (1, "daemon")
    assert events[0]["process"]["ses"] is not None


def test_arguments_longer_than_a_record_has_room_for(any_room, workloads):
    rest = ["argument %03d" % n for n in range(120)]
    report = workloads.run("create", any_room.path, TIMES, *rest)
    events = any_room.events()
    assert len(events) == TIMES
    for event in events:
        args = event["process"]["args"]
        assert event["process"]["args_cut"] is True
        assert len("".join(args)) > 500 and len(args) < len(report.arguments)
        assert args[:-1] == report.arguments[:len(args) - 1]
        assert report.arguments[len(args) - 1].startswith(args[-1])


def test_chroot_below(any_room, workloads):
    """The host's name for the file; and the actor's own beside it."""
    os.makedirs(any_room.join("jail", "d"))
    any_room.forget()
    report = workloads.run("create_write", "/d", root=any_room.join("jail"))
    check_jailed(any_room.events(), any_room.join("jail"), "/d/f%02d", report)


def test_chroot_above(any_room, workloads):
    """The root is an unwatched directory that holds the watched one."""
    inside = any_room.path[len(any_room.base):]
    report = workloads.run("create_write", inside, root=any_room.base)
    check_jailed(any_room.events(), any_room.base, inside + "/f%02d", report)


def check_jailed(events, root, pattern, report):
    paths = [pattern % n for n in range(TIMES) for _ in range(3)]
    assert [event["actor_path"] for event in events] == paths
    assert [event["path"] for event in events] == [root + path for path in paths]
    assert [event["op"] for event in events] == ["create", "modify", "close"] * TIMES
    for event in events:
        assert (event["process"]["cwd"], event["process"]["exe"]) == (report.cwd, report.program)


def test_executable_inside_a_chroot(any_room, workloads):
    """The exe, too, is the host's name."""
    jail = any_room.join("jail")
    os.makedirs(jail)
    shutil.copy(workloads.program("brief"), jail)
    any_room.forget()
    pid = os.posix_spawn("/usr/sbin/chroot", ["chroot", jail, "/brief", "/made"], os.environ)
    os.waitpid(pid, 0)
    event, = any_room.events()
    assert (event["path"], event["actor_path"]) == (jail + "/made", "/made")
    assert (event["process"]["exe"], event["process"]["cwd"]) == (jail + "/brief", jail)
    assert event["process"]["pid"] == pid
