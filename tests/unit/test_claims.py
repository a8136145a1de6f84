"""The ring divided among guests: every test by one of them, and who was left out is told."""

import os
import subprocess
import sys

import pytest

SYSTEM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "system")
CONFTEST = """import sys, types
sys.path.insert(0, %r)
from claims import Claims
def pytest_configure(config):
    matrix = types.SimpleNamespace(cells={("write", "directly"): {"ext4": "seen"}})
    config.pluginmanager.register(Claims(%r, matrix))
"""
TESTS = """import os, pytest
@pytest.fixture(scope="session")
def shared():
    yield []
@pytest.mark.parametrize("room", ["ext4", "xfs"])
@pytest.mark.parametrize("act", range(10))
def test_it(room, act, shared):
    shared.append(act)
    with open(%r, "a") as log:
        log.write("%%s %%s %%s\\n" %% (__name__, room, act))
    %s
"""


@pytest.fixture
def ring(tmp_path):
    """Makes a ring of three modules, runs it in `guests` at once; (their status, lines of tests)."""
    tests, shared, log = tmp_path / "tests", tmp_path / "shared", tmp_path / "log"
    tests.mkdir()
    shared.mkdir()
    (tests / "conftest.py").write_text(CONFTEST % (SYSTEM, str(shared)))

    def run(guests, last="pass"):
        for number, act in enumerate(["pass", "pass", last]):
            (tests / ("test_%d.py" % number)).write_text(TESTS % (str(log), act))
        running = [subprocess.Popen([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                                     str(tests)], stdout=subprocess.DEVNULL) for _ in range(guests)]
        status = max([guest.wait() for guest in running])
        return status, sorted(log.read_text().splitlines())
    run.directory = shared
    return run


def told(directory):
    """(status, output) of the command."""
    done = subprocess.run([sys.executable, os.path.join(SYSTEM, "claims.py"), str(directory)],
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout.decode()


def test_each_test_once(ring):
    status, lines = ring(3)
    assert status == 0
    assert lines == sorted("test_%d %s %d" % (number, room, act) for number in range(3)
                           for room in ("ext4", "xfs") for act in range(10))
    code, text = told(ring.directory)
    assert code == 0 and text.endswith("60 passed, 0 failed, 0 not run\n")
    assert "write      directly  seen\n" in text


def test_a_failure_is_told(ring):
    status, _ = ring(2, "assert act != 7")
    code, text = told(ring.directory)
    assert (status, code) == (1, 1)
    assert "58 passed, 2 failed, 0 not run" in text and text.count("FAILED") == 2
    assert text.splitlines()[-2].endswith("assert 7 != 7")


def test_a_guest_that_dies_leaves_tests_that_nobody_ran(ring):
    ring(1, "os._exit(9)")
    code, text = told(ring.directory)
    assert code == 1 and "NOT RUN" in text and "0 passed, 0 failed, 60 not run" in text
