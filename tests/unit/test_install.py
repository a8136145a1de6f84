# SPDX-License-Identifier: GPL-2.0-only
"""What `make install` and the packages put where, and that it runs from there."""
import glob
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys

import pytest

from core_build import ROOT
from fim.cli import parser
from fim.version import VERSION

PYTHON_DIR = "/opt/fim/python"
# Options of units by the systemd that brought them; all are of 219 or before.
OPTIONS = {
    "Description": 1, "Documentation": 201, "After": 1, "ConditionPathExists": 1, "Type": 1,
    "NotifyAccess": 1, "EnvironmentFile": 1, "ExecStart": 1, "Restart": 1, "RestartSec": 1,
    "TimeoutStartSec": 188, "TimeoutStopSec": 188, "WatchdogSec": 183, "KillMode": 1,
    "UMask": 1, "NoNewPrivileges": 187,
    "RestrictAddressFamilies": 211, "SystemCallArchitectures": 209, "LimitNOFILE": 1,
    "LimitMEMLOCK": 1, "LimitCORE": 1, "Nice": 1, "OOMScoreAdjust": 1, "WantedBy": 1,
    "SuccessExitStatus": 189, "IOSchedulingClass": 1, "OnCalendar": 197, "AccuracySec": 209,
    "Persistent": 212}
MODULES = sorted(os.path.relpath(path, ROOT) for pattern in ("fim/*.py", "fim/*/*.py")
                 for path in glob.glob(os.path.join(ROOT, pattern)) if "/dist/" not in path)


def make(target, **variables):
    """What a target of the Makefile says."""
    words = ["%s=%s" % pair for pair in variables.items()]
    done = subprocess.run(["make", "-s", "--no-print-directory", target] + words, cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split()


def files_below(place):
    """Every file, as seen from there."""
    return {os.path.join(folder, name)[len(place):]
            for folder, _, names in os.walk(place) for name in names}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("tree"))
    make("install", DESTDIR=place, PREFIX="/usr", PYTHON=sys.executable, PYTHON_DIR=PYTHON_DIR)
    return place


def expected(python_dir, units):
    """What an installation has, and no more."""
    of_kernel = ["fim/bpf_c/" + name for name in os.listdir(os.path.join(ROOT, "bpf_c"))]
    ours = MODULES + of_kernel + ["fim/bpf_c/SHA256SUMS", "fim/_core.pyi", "fim/_core.abi3.so",
                                  "fim/dist/record.schema.json"]
    return {python_dir + "/" + name for name in ours} | {
        units + "/" + name for name in ("fim.service", "fim-check.service", "fim-check.timer")} | {
        "/usr/bin/fim", "/etc/fim/environment", "/usr/share/bash-completion/completions/fim",
        "/usr/share/man/man1/fim.1", "/usr/share/man/man5/fim-records.5",
        "/usr/share/man/man8/fim.8", "/usr/share/man/man5/fim-policy.5"} | {
        "/usr/share/fim/" + os.path.relpath(path, os.path.join(ROOT, "fim", "dist"))
        for part in ("collect", "policies")
        for path in glob.glob(os.path.join(ROOT, "fim", "dist", part, "*.*"))}


def test_what_is_installed(tree):
    assert files_below(tree) == expected(PYTHON_DIR, "/usr/lib/systemd/system")
    assert stat.S_IMODE(os.stat(tree + "/var/lib/fim").st_mode) == 0o700
    for name in files_below(tree):
        mode = stat.S_IMODE(os.stat(tree + name).st_mode)
        assert mode == (0o755 if name == "/usr/bin/fim" else 0o644), name


def installed_fim(tree, *arguments):
    """The installed command, its path moved below the tree; nothing of the checkout helps it."""
    with open(tree + "/usr/bin/fim") as file:
        script = file.read()
    assert script.startswith("#!%s -IB\n" % sys.executable)
    moved = script.replace('"%s"' % PYTHON_DIR, '"%s"' % (tree + PYTHON_DIR))
    assert moved != script
    return subprocess.run([sys.executable, "-IB", "-c", moved] + list(arguments), cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={})


def test_it_runs_from_there(tree, tmp_path):
    assert installed_fim(tree, "--version").stdout.decode() == "fim %s\n" % VERSION
    (tmp_path / "w").mkdir()
    state = ["--state", str(tmp_path / "state")]
    done = installed_fim(tree, "init", str(tmp_path / "w"), *state)
    assert done.returncode == 0, done.stderr
    (tmp_path / "w" / "new").write_bytes(b"x")
    done = installed_fim(tree, "check", "--no-packages", "--format", "ecs", *state)
    assert done.returncode & 1 and b'"action":"new"' in done.stdout, done
    assert not glob.glob(tree + PYTHON_DIR + "/**/__pycache__", recursive=True)


def source_of(tree):
    """The exit status and complaint of reading the kernel programs."""
    code = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom fim import bpf, errors\n"
            "try: assert 'fim_' in bpf.source()\n"
            "except errors.KernelError as error: sys.exit(str(error))")
    done = subprocess.run([sys.executable, "-IB", "-c", code, tree + PYTHON_DIR], cwd="/",
                          stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode()


def test_kernel_programs_are_the_packages_own(tree):
    place = tree + PYTHON_DIR + "/fim/bpf_c/"
    assert source_of(tree) == (0, "")
    done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place)
    assert done.returncode == 0
    with open(place + "walk.c", "a") as file:
        file.write("\n")
    status, said = source_of(tree)
    assert status == 1 and "walk.c: not as the package has it" in said
    with open(os.path.join(ROOT, "bpf_c", "walk.c")) as good, open(place + "walk.c", "w") as file:
        file.write(good.read())
    assert source_of(tree) == (0, "")
    with open(place + "more.h", "w"):
        pass
    assert "more.h: not as the package has it" in source_of(tree)[1]
    os.unlink(place + "more.h")
    os.rename(place + "rename.c", place + "../rename.c")
    assert "rename.c: not as the package has it" in source_of(tree)[1]
    os.rename(place + "../rename.c", place + "rename.c")


@pytest.mark.parametrize("list_of_digests", [None, "", "rename.c\n", "\xff\n"])
def test_no_list_of_digests_is_no_way_around_it(tree, list_of_digests):
    """Removed, emptied or not one: nothing is compiled."""
    path = tree + PYTHON_DIR + "/fim/bpf_c/SHA256SUMS"
    os.rename(path, tree + "/kept")
    if list_of_digests is not None:
        with open(path, "w", encoding="latin-1") as file:
            file.write(list_of_digests)
    status, said = source_of(tree)
    os.rename(tree + "/kept", path)
    assert status == 1 and said.count("\n") == 1 and "install fim again" in said
    assert source_of(tree) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="others' files are no danger to who is not root")
@pytest.mark.parametrize("name", ["actor.c", ""])
def test_kernel_programs_are_roots_alone(tree, name):
    place = tree + PYTHON_DIR + "/fim/bpf_c/" + name
    mode = stat.S_IMODE(os.stat(place).st_mode)
    os.chmod(place, mode | stat.S_IWGRP)
    assert "others than root can write it" in source_of(tree)[1]
    os.chmod(place, mode)
    os.chown(place, 1, -1)
    assert "others than root can write it" in source_of(tree)[1]
    os.chown(place, 0, -1)


UNITS = ["fim.service", "fim-check.service", "fim-check.timer"]


def directives(path):
    """[(option, value)]"""
    with open(path, encoding="ascii") as lines:
        return [tuple(line.rstrip("\n").split("=", 1)) for line in lines
                if "=" in line and not line.startswith("#")]


@pytest.mark.parametrize("unit", UNITS)
def test_units_work_with_systemd_219(tree, unit):
    """No option is later; so none gives the service mounts of its own either."""
    for option, _ in directives(tree + "/usr/lib/systemd/system/" + unit):
        assert OPTIONS[option] <= 219, option


@pytest.mark.parametrize("unit", UNITS)
def test_a_stop_leaves_the_compiled_programs(tree, unit):
    """Which lie in /run/fim, where systemd would remove them with the directory."""
    options = dict(directives(tree + "/usr/lib/systemd/system/" + unit))
    assert "RuntimeDirectory" not in options
    assert not set(options) & {"ReadOnlyDirectories", "ProtectSystem", "InaccessibleDirectories"}


def test_what_is_compiled_goes_with_the_package():
    for name in ("debian.prerm", "fim-monitor.spec"):
        with open(os.path.join(ROOT, "fim", "dist", name)) as file:
            assert re.search(r"\n\trm -rf /run/fim/programs\n\trmdir /run/fim 2>", file.read())


def test_units_are_taken_by_systemd(tree, tmp_path):
    for unit in UNITS:
        with open(tree + "/usr/lib/systemd/system/" + unit) as file:
            text = re.sub("(?m)^(ExecStart)=.*", r"\1=/bin/true", file.read())
        (tmp_path / unit).write_text(re.sub("(?m)^Documentation=.*\n", "", text))
    done = subprocess.run(["systemd-analyze", "verify"] + [str(tmp_path / unit) for unit in UNITS],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert [line for line in done.stdout.decode().splitlines() if "fim" in line] == []
    assert done.returncode == 0, done.stdout


def verbs():
    return next(action for action in parser()._actions if action.dest == "verb").choices


@pytest.mark.parametrize("unit", UNITS[:2])
def test_units_run_a_command_that_there_is(tree, unit):
    command = dict(directives(tree + "/usr/lib/systemd/system/" + unit))["ExecStart"]
    options = dict(directives(tree + "/etc/fim/environment"))["FIM_OPTIONS"].strip('"')
    words = shlex.split(command.replace("$FIM_OPTIONS", options))
    assert words[0] == "/usr/bin/fim"
    parser().parse_args(words[1:])


def test_manual_pages(tree):
    """They are in order, and have every verb, option and kind of record."""
    pages = {}
    for path in glob.glob(tree + "/usr/share/man/man*/*"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path],
                              stdout=subprocess.PIPE)
        assert [line for line in done.stdout.decode().splitlines()
                if "missing date" not in line] == []
        text = subprocess.check_output(["mandoc", "-T", "utf8", path]).decode()
        pages[os.path.basename(path)] = re.sub(".\x08", "", text).replace("\u2010", "-")
    for name, verb in verbs().items():
        assert "fim " + name in pages["fim.1"]
        for action in verb._actions:
            for option in action.option_strings:
                assert option in pages["fim.1"] or option == "-h" or option == "--help", option
    assert "AUTOMOUNT" not in pages["fim-records.5"]
    from test_schema import OTHERS
    for kind in list(OTHERS) + ["event"]:
        assert re.search("(?m)^%s$" % kind.upper(), pages["fim-records.5"]), kind
    assert "path_complete" in pages["fim-records.5"] and "process.auid" in pages["fim-records.5"]
    for page in ("fim.1", "fim.8"):
        assert "fim-policy(5)" in pages[page] and "fim-records(5)" in pages[page]
    for part in ("collect", "policies"):
        assert "/usr/share/fim/" + part in pages["fim.8"]
    assert "syslog:tcp://" in pages["fim.8"] and "maxMessageSize" in pages["fim.8"]


@pytest.mark.parametrize("typed,offered", [
    ("fim ", set(verbs()) | {"--help"}), ("fim wa", {"watch"}),
    ("fim watch --format ", {"text", "json", "ecs", "ocsf"}), ("fim watch --format o", {"ocsf"}),
    ("fim check --qu", {"--quick"}), ("fim watch /e", set()), ("fim --he", {"--help"})])
def test_completion(tree, typed, offered):
    script = """. "$1"; COMP_WORDS=($2); [[ $2 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _fim; printf '%s\\n' "${COMPREPLY[@]}" """
    done = subprocess.check_output(
        ["bash", "-c", script, "bash", tree + "/usr/share/bash-completion/completions/fim", typed])
    assert set(done.decode().split()) == offered


def test_debian_package(tmp_path):
    """What it has is what is installed, root's, with sums that fit."""
    package = make("deb")[-1]
    assert os.path.basename(package).startswith("fim-monitor_%s_" % VERSION)
    path = os.path.join(ROOT, package)
    subprocess.check_call(["dpkg-deb", "-R", path, str(tmp_path)])
    found = {re.sub(r"(/man/.*)\.gz$", r"\1", name) for name in files_below(str(tmp_path))
             if not name.startswith(("/DEBIAN/", "/usr/share/doc/"))}
    assert found == expected("/usr/lib/python3/dist-packages", "/lib/systemd/system")
    listed = subprocess.check_output(["dpkg-deb", "-c", path]).decode().splitlines()
    assert {line.split()[1] for line in listed} == {"root/root"}
    subprocess.check_call(["md5sum", "--quiet", "-c", "DEBIAN/md5sums"], cwd=str(tmp_path))
    control = dict(line.split(": ", 1) for line in (tmp_path / "DEBIAN" / "control").read_text()
                   .splitlines() if not line.startswith(" "))
    assert control["Conflicts"] == "fim"  # another program of that name and command
    assert re.match(r"python3 \(>= 3.6\), python3-bpfcc, libc6 \(>= 2\.\d+\)$", control["Depends"])
    assert not re.search("gcc|pip|make", control["Depends"])
    for script in ("postinst", "prerm", "postrm"):
        subprocess.check_call(["sh", "-n", str(tmp_path / "DEBIAN" / script)])
    assert (tmp_path / "DEBIAN" / "conffiles").read_text() == "/etc/fim/environment\n"


def rpm(place, *arguments):
    """rpm on a database of this test's own."""
    done = subprocess.run(["rpm", "--root", str(place), "--nodeps", "--noscripts"]
                          + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode()


def in_root(place):
    """Every file but those of rpm's own database, wherever it has that."""
    return {name for name in files_below(str(place))
            if "rpm/" not in name and "/.rpmdb/" not in name}


BCC = {".el7": "python-bcc", ".el8": "python3-bcc", ".el9": "python3-bcc"}


@pytest.fixture(scope="module")
def rpms(tmp_path_factory):
    """{distribution: its package}, built by rpmbuild; the build directory is one for all."""
    place, built = str(tmp_path_factory.mktemp("rpms")), {}
    for dist in sorted(BCC):
        built[dist] = shutil.copy(make("rpm", DIST=dist)[-1], place)
    return built


@pytest.mark.parametrize("dist", sorted(BCC))
def test_rpm_of_each_distribution(rpms, dist):
    """Its name and what it requires: nothing to build with."""
    name = "fim-monitor-%s-1%s.%s.rpm" % (VERSION, dist, os.uname()[4])
    assert os.path.basename(rpms[dist]) == name
    needs = subprocess.check_output(["rpm", "-qp", "--requires", rpms[dist]]).decode().splitlines()
    assert {BCC[dist], "kernel-devel", "python3 >= 3.6"} <= set(needs)
    assert not [line for line in needs if re.search("gcc|pip|make|setuptools", line)]


def test_rpm_package(rpms, tmp_path):
    """Installed, verified, upgraded and removed, in a root of this test's own."""
    package = rpms[".el8"]
    place = tmp_path / "root"
    place.mkdir()
    assert rpm(place, "-i", package)[0] == 0
    assert rpm(place, "-V", "fim-monitor") == (0, "")
    script = (place / "usr/bin/fim").read_text()
    python_dir = re.search(r'sys\.path\.insert\(0, "(.*)"\)', script).group(1)
    assert python_dir.startswith("/usr/lib") and "/local/" not in python_dir
    assert {re.sub(r"(/man/.*)\.gz$", r"\1", name) for name in in_root(place)
            if not name.startswith("/usr/share/doc/")} == expected(
                python_dir, "/usr/lib/systemd/system")
    (place / "var/lib/fim/fim.db").write_bytes(b"state")
    (place / "etc/fim/environment").write_bytes(b"FIM_OPTIONS=--utc\n")
    assert rpm(place, "-U", "--force", package)[0] == 0
    assert (place / "etc/fim/environment").read_bytes() == b"FIM_OPTIONS=--utc\n"
    assert rpm(place, "-e", "fim-monitor")[0] == 0
    assert in_root(place) == {"/var/lib/fim/fim.db", "/etc/fim/environment.rpmsave"}
