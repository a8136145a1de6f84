"""The README's table of supported kernels says what the list of runs says, and no more."""

import json
import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests", "vm"))
import supported  # noqa: E402

MEMBERS = {member for member, _ in supported.COLUMNS}


def readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return file.read()


def test_readme_has_the_table():
    assert supported.replaced(readme(), supported.runs()) == readme(), (
        "python3 tests/vm/supported.py README.md writes it anew")


@pytest.mark.parametrize("row", supported.runs(), ids=lambda row: row["kernel"])
def test_a_row_says_who_ran_what(row):
    assert set(row) == MEMBERS and row["state"] in supported.STATES
    tried = [row[member] is not None for member in ("bcc", "ran", "result")]
    assert tried == [row["state"] != "not run"] * 3, row["kernel"]


def test_what_the_fleet_has_is_in_it():
    """Tried or not, it is said."""
    kernels = " ".join(row["kernel"] for row in supported.runs())
    for release in ("3.10.0-957", "3.10.0-1062", "4.18", "5.10", "5.14", "6.1", "6.12", "7.2"):
        assert re.search(r"\b%s\b" % re.escape(release), kernels), release


def test_a_run_by_us_is_of_a_kernel_whose_facts_are_here():
    """So that nobody claims one without having booted it."""
    facts = os.path.join(ROOT, "tests", "unit", "facts")
    releases = {name.split("-")[0] for name in os.listdir(facts) if name.endswith(".json")}
    for row in supported.runs():
        if row["state"] == "run by us":
            assert any(release in row["kernel"] for release in releases), row["kernel"]


def test_another_row_changes_the_table(tmp_path):
    path = tmp_path / "runs.json"
    rows = supported.runs()
    path.write_text(json.dumps([dict(rows[0], result="a|b", state="reported")] + rows))
    text = supported.replaced(readme(), supported.runs(str(path)))
    assert text != readme() and "a\\|b" in text
    states = re.findall(r"\| \*([\w ]+)\* \|", text)
    assert states == sorted(states, key=supported.STATES.index) and "reported" in states
