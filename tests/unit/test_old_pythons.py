"""The one extension that is shipped, on every CPython of this machine: collected at every
allocation; and on the oldest two its tests, by Debian 11's pytest (tests/vm/old_pytest.py)."""

import glob
import os
import subprocess
import sys

import pytest

import collected

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests", "vm"))
import old_pytest  # noqa: E402

OLDEST = ("3.6", "3.7")
# Those that call the extension.
MODULES = ["tests/unit/test_%s.py" % name for name in (
    "baseline_database", "content", "monitor", "observed", "spots", "survey", "walk")]
# Of the C core alone, or by a user who cannot reach an interpreter in root's home.
NOT_THEIRS = "not sanitized and not cannot_be and not killed"


def pythons():
    """{version: interpreter}"""
    found = {".".join(path.split("/")[-3].split(".")[:2]): path for path in
             glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))}
    found["this one"] = sys.executable
    return found


PYTHONS = pythons()


def run(python, *words, **environment):
    """What it says; its end where it fails."""
    done = subprocess.run([python] + list(words), cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **environment))
    assert done.returncode == 0, done.stdout.decode()[-4000:]
    return done.stdout.decode()


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_nothing_is_left_behind(version):
    """One arena: what threads leave to malloc(3) is no leak."""
    assert run(PYTHONS[version], os.path.join("tests", "unit", "collected.py"), PYTHONPATH=ROOT,
               MALLOC_ARENA_MAX="1") == "well\n"


@pytest.mark.parametrize("leave", [lambda kept: kept.append([object()]),
                                   lambda kept: kept.append(collected.new_session()),
                                   lambda kept: kept.append(os.dup(0))])
def test_what_is_left_behind_is_found(leave, tmp_path):
    kept = []

    def act(path):
        leave(kept)
    with pytest.raises(AssertionError, match="^act: "):
        collected.check(act, os.fsencode(str(tmp_path)))
    for one in kept:
        if isinstance(one, int):
            os.close(one)


@pytest.mark.parametrize("version", OLDEST)
def test_ring_on_the_oldest(version):
    if version not in PYTHONS:
        pytest.skip("no CPython %s: pyenv has one" % version)
    try:
        place = old_pytest.directory()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip("no pytest for it: %s" % error)
    said = run(PYTHONS[version], "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NOT_THEIRS,
               *MODULES, PYTHONPATH=place)
    assert int(said.rpartition(" passed")[0].split()[-1]) > 60, said
