# SPDX-License-Identifier: GPL-2.0-only
"""Chosen blind spots: what a policy withholds and the kernel leaves out, what it must not, and
how much that saves."""
import collections
import os
import shutil
import subprocess
import time

import pytest

from watcher import Watcher
from workload import SHELL

ROUNDS = int(os.environ.get("FIM_TEST_REPEAT", "1000"))
POLICY = """
from fim.policy import Policy
policy = Policy("spots")
def watch(name, **options):
    return policy.watch({top!r} + "/" + name, **options)
watch("plain")
watch("ops", ops={{"create", "chmod", "rename", "link"}})
policy.withhold(watch("uid"), uid=48, ops={{"utimes", "close"}})
policy.withhold(watch("auid"), auid=1000, ops={{"chmod"}})
policy.withhold(watch("exe"), exe={top!r} + "/tool", ops={{"modify", "close"}})
policy.withhold(watch("both"), exe={top!r} + "/tool", uid=48, ops={{"modify", "close"}})
policy.withhold(watch("cgroup"), cgroup="/fim-spot", ops={{"modify", "close"}})
policy.withhold(watch("chown"), ops={{"chown"}})
policy.withhold(watch("busy"), ops={{"modify", "mmap"}})
"""
NAMES = ("plain", "ops", "uid", "auid", "exe", "both", "cgroup", "chown", "busy")
ALL = ["create", "modify", "close", "chmod", "utimes"]
ACT = 'cd "$0" && echo x > $1 && chmod 600 $1 && touch -d 2001-01-01 $1'
AS_48 = ["setpriv", "--reuid", "48", "--clear-groups"]
LOGGED_IN = ["sh", "-c", 'echo 1000 > /proc/self/loginuid && exec "$0" "$@"']
CGROUP = "/sys/fs/cgroup/fim-spot"
CONTAINED = ["sh", "-c", 'echo $$ > %s/cgroup.procs && exec "$0" "$@"' % CGROUP]
# A round: create, modify, close; modify, close; chmod; rename. Two of seven are left out.
TOLD, LEFT_OUT = 7, 2
MIXED = """cd "$0" && for n in $(seq $1); do echo x > f$n; echo y >> f$n; chmod 600 f$n
mv f$n g$n; done"""


def unified():
    """Whether this kernel has one hierarchy of control groups; it is mounted then."""
    with open("/proc/filesystems") as lines:
        if "cgroup2" not in lines.read():
            return False
    if not os.path.exists("/sys/fs/cgroup/cgroup.procs"):
        subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)
    os.makedirs(CGROUP, exist_ok=True)
    return True


class Host(Watcher):
    """`fim watch -c`"""

    def __init__(self, *arguments, **options):
        self.withheld = collections.Counter()  # {reason: so many}
        super().__init__(*arguments, **options)

    def settle(self):
        """What was withheld is told each minute, and counted here."""
        return self.counted(super().settle())

    def stop(self):
        return self.counted(super().stop())

    def counted(self, records):
        for record in records:
            if record["kind"] == "withheld":
                self.withheld[record["reason"]] += record["count"]
        return records

    def launch(self, paths, options, form):
        path = os.path.join(self.directory, "policy.py")
        with open(path, "w") as file:
            file.write(POLICY.format(top=options[0]))
        os.chmod(path, 0o600)
        return super().launch(paths, ["-c", path], form)


@pytest.fixture(scope="module")
def top(base, tmp_path_factory):
    path = os.path.join(base["ext4"], "spots")
    for name in NAMES + ("outside",):
        os.makedirs(os.path.join(path, name))
        os.chmod(os.path.join(path, name), 0o777)
    os.chmod(path, 0o755)
    shutil.copy(os.path.realpath("/bin/sh"), path + "/tool")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def host(top, tmp_path_factory):
    unified()
    with Host(tmp_path_factory.mktemp("spots"), [], top) as watcher:
        yield watcher.wait_ready()


def told(host, path):
    """The operations told of a file since the last call."""
    return [event["op"] for event in host.events() if event["path"] == path]


def act(host, top, name, prefix=(), shell="sh"):
    """What is told of five acts in a directory by somebody."""
    host.settle()
    subprocess.run(list(prefix) + [shell, "-c", ACT, top + "/" + name, "f"], check=True)
    found = told(host, "%s/%s/f" % (top, name))
    os.unlink("%s/%s/f" % (top, name))
    return found


def without(*operations):
    return [op for op in ALL if op not in operations]


def test_operations(host, top):
    assert act(host, top, "plain") == ALL
    assert act(host, top, "ops") == ["create", "chmod"]


def test_actors(host, top):
    tool = top + "/tool"
    assert act(host, top, "uid") == ALL
    assert act(host, top, "uid", AS_48) == without("utimes", "close")
    assert act(host, top, "auid") == ALL
    assert act(host, top, "auid", LOGGED_IN) == without("chmod")
    assert act(host, top, "exe") == ALL
    assert act(host, top, "exe", shell=tool) == without("modify", "close")
    assert act(host, top, "both", shell=tool) == act(host, top, "both", AS_48) == ALL
    assert act(host, top, "both", AS_48, tool) == without("modify", "close")
    assert act(host, top, "plain", AS_48, tool) == ALL


def test_control_group(host, top):
    assert act(host, top, "cgroup") == ALL
    if unified():
        assert act(host, top, "cgroup", CONTAINED) == without("modify", "close")


def test_one_of_several_by_one_act(host, top):
    """chown takes the set-user-ID bit; that is told."""
    path = top + "/chown/f"
    open(path, "w").close()
    os.chmod(path, 0o4755)
    host.settle()
    os.chown(path, 1, 1)
    assert told(host, path) == ["chmod"]


def test_another_name_is_heard(host, top):
    """What gets a name where everything is wanted is in the blind spot no more; nor is what is
    moved there, or below a directory that is."""
    for number, way in enumerate((os.link, os.rename)):
        inside, outside = "%s/ops/a%d" % (top, number), "%s/plain/a%d" % (top, number)
        open(inside, "w").close()
        way(inside, outside)
        host.settle()
        os.utime(outside)
        assert told(host, outside) == ["utimes"], way
    os.mkdir(top + "/ops/d")
    open(top + "/ops/d/f", "w").close()
    os.rename(top + "/ops/d", top + "/plain/d")
    host.settle()
    time.sleep(1)  # it is read a moment later
    os.utime(top + "/plain/d/f")
    assert told(host, top + "/plain/d/f") == ["utimes"]


def test_what_it_saves(host, top):
    """The same load where nothing is watched, where all is, and in the blind spot."""
    records, seconds = collections.Counter(), {}
    for name in ("outside", "plain", "busy"):
        begun = time.monotonic()
        subprocess.run(SHELL + ["-c", MIXED, top + "/" + name, str(ROUNDS)], check=True)
        seconds[name] = time.monotonic() - begun
        records[name] = sum(event["path"].startswith("%s/%s/" % (top, name))
                            for event in host.events())
    left_out = records["plain"] - records["busy"]
    print("%d rounds: " % ROUNDS, dict(records), {k: round(v, 2) for k, v in seconds.items()},
          "left out %.0f %%" % (100 * left_out / records["plain"]))
    assert records["outside"] == 0 and records["plain"] == TOLD * ROUNDS
    assert left_out == LEFT_OUT * ROUNDS


def test_counted(host, top):
    """By its reason, exactly; the last of the module, since it ends the monitor."""
    host.stop()
    counts = {reason: count for reason, count in host.withheld.items()
              if reason.endswith("in the kernel")}
    of = {name: sum(count for reason, count in counts.items()
                    if reason.startswith("the policy withholds %s/%s of" % (top, name)))
          for name in NAMES}
    print(counts)
    assert of["uid"] == of["exe"] == of["both"] == 2 and of["auid"] == of["chown"] == 1
    assert of["plain"] == 0 and of["busy"] == LEFT_OUT * ROUNDS
