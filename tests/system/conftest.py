# SPDX-License-Identifier: GPL-2.0-only
"""The system ring: root, a kernel with kprobes, real file systems.

FIM_TEST_FORCE=1         a skip is a failure (set in the virtual machine)
FIM_TEST_FILESYSTEMS     which of PLACES must be there (forced: DEFAULT, as far as this kernel
                         has them); `overlay` is mounted here, over ext4
FIM_TEST_CLAIMS          the ring is divided among guests (claims.py)
FIM_TEST_REPEAT, FIM_TEST_ARCHIVE, FIM_TEST_STARTS, FIM_TEST_KILLS, FIM_TEST_STEADY,
FIM_TEST_DARK, FIM_TEST_BLOCKED   how much of the long tests

One monitor serves the whole session, since starting one is a compile; each test
has directories of its own and takes the records of its own time.
"""
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

pytest.register_assert_rewrite("expected")

from claims import Claims
from matrix import Cell, Matrix
from watcher import ROOT, Watcher
from workload import Workloads, build

sys.path.insert(0, ROOT)  # fim itself
FORCED = os.environ.get("FIM_TEST_FORCE") == "1"
# The guest's root is the host's, hundreds of thousands of names over 9p: only when asked for.
collect_ignore = [] if os.environ.get("FIM_TEST_SLASH") else ["test_slash.py"]
# They attack /etc and install packages, or take long: for a machine that is thrown away, and asks.
collect_ignore += [] if os.environ.get("FIM_TEST_ATTACKS") else [
    "test_policy.py", "test_presets.py", "test_rules.py", "test_run_policy.py"]
# It wants a machine that systemd has booted: make test-installed.
collect_ignore += [] if os.environ.get("FIM_TEST_INSTALLED") else ["test_installed.py"]
PLACES = {"ext4": "/mnt/ext4", "xfs": "/mnt/xfs", "btrfs": "/mnt/btrfs", "tmpfs": "/tmp",
          "overlay": "/mnt/overlay"}
DEFAULT = ("ext4", "xfs", "btrfs", "tmpfs", "overlay")
NAME = "fim-test-%d" % os.getpid()


def mounted(kind):
    """Whether the file system of this type is where it belongs."""
    with open("/proc/mounts") as lines:
        return any(line.split()[1:3] == [PLACES[kind], kind] for line in lines)


def lacking():
    """The types of DEFAULT that this kernel does not have."""
    if FORCED:
        subprocess.call(["modprobe", "-q", "overlay"])
    with open("/proc/filesystems") as lines:
        known = {line.split()[-1] for line in lines}
    return [kind for kind in DEFAULT if kind not in known]


def wanted():
    """The types to test on."""
    named = os.environ.get("FIM_TEST_FILESYSTEMS", "").split()
    have = [kind for kind in DEFAULT if kind not in lacking()]
    return named or [kind for kind in have if FORCED or mounted(kind)] or have


KINDS = wanted()


def pytest_configure(config):
    matrix = Matrix()
    config.pluginmanager.register(matrix, "matrix")
    if "FIM_TEST_CLAIMS" in os.environ:
        config.pluginmanager.register(Claims(os.environ["FIM_TEST_CLAIMS"], matrix), "claims")


@pytest.fixture
def cell(request):
    """Notes a cell of the table of what is seen."""
    return Cell(request.config.pluginmanager.get_plugin("matrix"), request.node.user_properties)


def pytest_report_header():
    """What is left out is said."""
    missing = lacking()
    return "file systems: %s%s" % (" ".join(KINDS), "; this kernel has no " + " ".join(missing)
                                   if missing else "")


def incapable():
    """Why this machine cannot run the ring, or None."""
    if os.geteuid() != 0:
        return "not root"
    if not os.path.exists("/sys/bus/event_source/devices/kprobe/type"):
        return "kernel %s cannot open kprobes by perf" % os.uname()[2]
    if not os.path.isdir("/lib/modules/%s/build/include" % os.uname()[2]):
        return "no headers of kernel %s" % os.uname()[2]
    if not importlib.util.find_spec("bcc"):
        return "no bcc for this Python"
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where the ring must run, what is skipped has failed."""
    report = (yield).get_result()
    if FORCED and report.skipped:
        report.outcome = "failed"
        report.longrepr = "skipped: %s" % (call.excinfo.value if call.excinfo else "")


@pytest.fixture(scope="session", autouse=True)
def capable():
    """Everything in here needs it."""
    reason = incapable()
    if reason:
        pytest.skip(reason)


@contextlib.contextmanager
def layers():
    """An overlay of two directories of the ext4 disk, if it is wanted."""
    if "overlay" not in KINDS or mounted("overlay"):
        yield
        return
    below, merged = os.path.join(PLACES["ext4"], NAME + "-layers"), PLACES["overlay"]
    for path in [merged] + [os.path.join(below, name) for name in ("lower", "upper", "work")]:
        os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", merged, "-o",
                    "lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work".format(below)],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", merged], check=True)
        shutil.rmtree(below)


@pytest.fixture(scope="session")
def base(capable):
    """{type: a directory of ours on it}"""
    with layers():
        bases = {kind: os.path.join(PLACES[kind], NAME) for kind in KINDS if mounted(kind)}
        for path in bases.values():
            os.makedirs(os.path.join(path, "watched"))
            os.makedirs(os.path.join(path, "outside"))
        yield bases
        for path in bases.values():
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A directory on no watched tree, short to name and open to every user."""
    path = tmp_path_factory.mktemp("fim")
    for part in (path, path.parent, path.parent.parent):
        part.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def workloads(scratch):
    """The workload programs."""
    return Workloads(build(str(scratch / "bin")))


@pytest.fixture(scope="session")
def watcher(base, scratch):
    """The monitor of the session; beside the trees it watches names (test_single.py)."""
    lone = scratch / "lone"
    lone.mkdir()
    both = scratch / "both"
    (both / "below").mkdir(parents=True)
    (lone / "file").write_text("as it was\n")
    (lone / "over").write_text("as it was\n")
    names = ["file", "over", "later", "soon", "long" * 40]
    paths = [os.path.join(path, "watched") for kind, path in base.items() if kind != "overlay"]
    paths += [str(lone / name) for name in names]
    paths += [str(both / "below" / "file"), str(both)]  # a name, then the tree it is in
    with Watcher(scratch / "watch", paths) as watcher:
        yield watcher.wait_ready()


@pytest.fixture(scope="session")
def overlay_watcher(base, scratch):
    """One of its own: where an overlay is watched, no inode is absent (bpf_c/absent.c)."""
    with Watcher(scratch / "watch-overlayfs", [os.path.join(base["overlay"], "watched")]) as watcher:
        yield watcher.wait_ready()


@pytest.fixture(scope="session")
def attachment(capable):
    """Programs for monitors of this process (listener.py), one at a time."""
    from listener import attached  # wants the extension
    attachment = attached()
    yield attachment
    attachment.close()


@contextlib.contextmanager
def new_tree(base, request, kind):
    """A new directory with `watched` and `outside` in it, neither watched yet; gone after it."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    path = os.path.join(base[kind], "outside", "tree-" + name)
    os.makedirs(path + "/watched")
    os.makedirs(path + "/outside")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def tree(base, request):
    """One on one file system."""
    with new_tree(base, request, "ext4" if "ext4" in base else next(iter(base))) as path:
        yield path


@pytest.fixture(params=KINDS)
def each_tree(base, request):
    """One on each file system."""
    with new_tree(base, request, request.param) as path:
        yield path


class Room:
    """Two new directories of the same name, one watched and one beside it."""

    def __init__(self, watcher, kind, base, name):
        self.watcher = watcher
        self.kind = kind
        self.path = os.path.join(base, "watched", name)
        self.outside = os.path.join(base, "outside", name)
        self.base = base
        os.mkdir(self.path)
        os.mkdir(self.outside)
        self.forget()

    def join(self, *names):
        """A path in the watched one."""
        return os.path.join(self.path, *names)

    def forget(self):
        """What was done until now was preparation."""
        self.watcher.settle()

    def events(self):
        """What was done since."""
        return self.watcher.events()


def make_room(base, request, kind):
    if kind not in base:
        pytest.skip("no %s at %s" % (kind, PLACES[kind]))
    watcher = request.getfixturevalue("overlay_watcher" if kind == "overlay" else "watcher")
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return Room(watcher, kind, base[kind], name)


@pytest.fixture(params=KINDS)
def room(request, base):
    """A room on each file system."""
    return make_room(base, request, request.param)


@pytest.fixture
def any_room(request, base):
    """A room on one file system, where it does not matter which."""
    return make_room(base, request, next(iter(base), KINDS[0]))
