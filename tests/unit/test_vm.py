"""What reaches a guest: settings of make's environment, and where the command starts."""

import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests", "vm"))

import kernels  # noqa: E402
import run  # noqa: E402
import userland  # noqa: E402

SET = {"FIM_TEST_KILLS": "100", "FIM_TEST_FILESYSTEMS": "ext4 xfs", "FIM_TEST_X": "$(HOME) $HOME"}


def command_of(target, *words, **environment):
    """What `make target` would have the guest do."""
    said = subprocess.check_output(["make", "-n", target] + list(words), cwd=ROOT,
                                   env=dict(os.environ, **environment))
    text = said.decode().replace("\\\n", " ")
    return re.search(r"tests/vm/run\.py(.* )-- (env .*?)/usr/bin/python3 -m pytest", text).groups()


@pytest.mark.parametrize("target", ["test-vm", "test-on-bullseye", "coverage"])
def test_settings_of_tests_reach_the_guest(target):
    """As they are, and whatever they say of the claims: those are the ring's own."""
    _, env = command_of(target, FIM_TEST_CLAIMS="/elsewhere", **SET)
    told = subprocess.check_output(["sh", "-c", "env -i %s printenv" % env.replace("env ", "", 1)])
    guest = dict(line.split("=", 1) for line in told.decode().splitlines())
    assert {name: guest[name] for name in SET} == SET
    assert guest["FIM_TEST_CLAIMS"] == "/mnt/share"


def test_a_setting_on_the_command_line_of_make_counts():
    assert "FIM_TEST_KILLS='7'" in command_of("test-vm", "FIM_TEST_KILLS=7")[1]


def test_a_kernel_of_ones_own_under_another_user_space():
    options, _ = command_of("test-on-bullseye", "VMLINUZ=/k/bzImage", "HEADERS=/k", "RELEASE=3.10")
    assert "--vmlinuz /k/bzImage" in options and "--suite bullseye --userland" in options


KERNEL = kernels.Kernel("3.10", "/boot", None, "/image", True)


@pytest.mark.parametrize("words, checkout, own_tree", [
    (["--suite", "bookworm"], ROOT, "''"),
    (["--root-tree", "/tree"], ROOT, "1"),
    (["--suite", "bullseye", "--userland", "--vmlinuz", "/k", "--headers", "/h", "--release",
      "3.10"], userland.CHECKOUT, "''")])
def test_where_the_command_starts(words, checkout, own_tree):
    options = run.parser().parse_args(words + ["true"])
    options.root_tree = "/tree" if options.userland else options.root_tree  # as main() does
    guest = run.machine_of(options, KERNEL, 0)
    settings = dict(line.split("=", 1) for line in guest._settings().splitlines())
    assert (settings["CHECKOUT"], settings["OWN_TREE"]) == (checkout, own_tree)
    assert settings["ROOT"] == ("plain" if options.vmlinuz else "overlay")
    assert guest._script(["true"]) == "cd %s && exec true\n" % checkout
