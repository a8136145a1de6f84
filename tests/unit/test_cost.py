# SPDX-License-Identifier: GPL-2.0-only
"""What our programs cost the kernel, and that it is not counted where it is not."""
import pytest

from fim import cli_run, status
from fim.cost import HOW, kernel_seconds

FDINFO = "pos:\t0\nflags:\t02000002\nprog_type:\t2\nrun_time_ns:\t%d\nrun_cnt:\t3\n"


def switched(tmp_path, value):
    (tmp_path / "switch").write_text(value)
    return str(tmp_path / "switch")


def test_the_sum_of_all_programs(tmp_path):
    (tmp_path / "3").write_text(FDINFO % 1500000000)
    (tmp_path / "4").write_text(FDINFO % 2000000)
    (tmp_path / "5").write_text("pos:\t0\n")  # of a kernel that does not say
    found = kernel_seconds([3, 4, 5, 6], switched(tmp_path, "1\n"), str(tmp_path) + "/%d")
    assert found == 1.502


@pytest.mark.parametrize("value", ("0\n", "", "odd\n", None))
def test_it_is_not_counted(tmp_path, value):
    (tmp_path / "3").write_text(FDINFO % 1500000000)
    switch = str(tmp_path / "none") if value is None else switched(tmp_path, value)
    assert kernel_seconds([3], switch, str(tmp_path) + "/%d") is None


@pytest.mark.parametrize("noted,said", (
    ({"kernel_seconds": 1.5}, "kernel_seconds         1.5"),
    ({"kernel_seconds": None}, "kernel_seconds         " + HOW), ({}, None)))
def test_status_says_so(noted, said):
    """Of an older fim nothing is said."""
    lines = list(cli_run.lines(noted, status.WELL, []))
    assert [line for line in lines if line.startswith("kernel_seconds")] == ([said] if said else [])
