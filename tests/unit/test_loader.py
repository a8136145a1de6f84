"""The loader really run, by every interpreter that may run it, on a bcc that only writes down."""

import contextlib
import glob
import json
import os
import shutil
import sys

import pytest

from fim import bpf, needs
from fim.errors import KernelError

HERE = os.path.dirname(os.path.abspath(__file__))
OLD = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7"))
             + glob.glob("/usr/bin/python2.7"))
PYTHONS = {"2.7": OLD[0] if OLD else None, "3": sys.executable}
KPROBE, TRACEPOINT = 2, 5
# What is loaded as it is asked for; behind its probes a program that only they need, for its cost.
SENT = ["map"] * 2 + ["program"] + ["probe"] * 3 + ["program"]


@pytest.fixture(params=sorted(PYTHONS))
def loader(request, tmp_path, monkeypatch):
    """Runs it: loader(refuses, **changes of the request) -> (status, complaint, Attachment)."""
    if PYTHONS[request.param] is None:
        pytest.skip("no Python 2.7: pyenv has one")
    monkeypatch.setattr(bpf, "ALONE", "-Bs")  # without -E, so that this one is found
    monkeypatch.setenv("PYTHONPATH", os.path.join(HERE, "fake_bcc"))
    monkeypatch.setenv("FAKE_BCC_LOG", str(tmp_path / "log"))

    def run(refuses="", **changes):
        monkeypatch.setenv("FAKE_BCC_REFUSES", refuses)
        (tmp_path / "log").write_text("")
        attachment = bpf.Attachment(None, 1000)
        try:
            return bpf.run_one(PYTHONS[request.param], wanted(tmp_path, **changes),
                               attachment) + (attachment,)
        finally:
            attachment.close()
    run.calls = lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    return run


def wanted(tmp_path, **changes):
    """As fim/bpf.py asks."""
    return dict({
        "release": "3.10", "text": "int fim_one(void *ctx) {} // \u20ac", "cflags": ["-DX=1"],
        "entries": {"watched": 70000}, "kept": str(tmp_path / ("0" * 64)),
        "maps": ["watched", "stages"], "load": ["fim_two"],
        "attach": [["vfs_one", "fim_one"], ["vfs_two%return", "fim_two"],
                   ["raw_syscalls:sys_exit", "fim_one"]],
        "stages": [[3, "fim_one"]], "exit_stages": [[3, "fim_two"]],
        "programs": ["fim_one", "fim_two"]}, **changes)


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """Each descriptor that comes is open."""
    take = bpf.Attachment.take

    def checked(self, message, descriptor):
        if descriptor is not None:
            assert os.readlink("/proc/self/fd/%d" % descriptor) == "/dev/null"
            self.seen = getattr(self, "seen", []) + [sorted(message)[0]]
        take(self, message, descriptor)
    monkeypatch.setattr(bpf.Attachment, "take", checked)


def test_a_start(loader):
    status, _, found = loader()
    assert status == 0 and found.seen == SENT
    assert (found.bcc, found.kept) == ("0.10.0", False)
    assert found.sizes == {"fim_one": 3, "fim_two": 3} and found.failed == {}
    assert loader.calls() == [
        ["compile", len("int fim_one(void *ctx) {} // \u20ac".encode()), ["-DX=1"]],
        ["load", "fim_one", KPROBE], ["update", 3], ["load", "fim_two", TRACEPOINT], ["update", 3],
        ["attach", "vfs_one", "fim_one"], ["attach", "vfs_two", "fim_two"],
        ["attach", "raw_syscalls:sys_exit", "fim_one"]]


def test_a_second_start_compiles_nothing(loader):
    """What the first has kept is loaded, with room as it is asked for now."""
    loader()
    status, _, found = loader()
    assert (status, found.kept, found.bcc) == (0, True, "0.10.0")
    assert found.seen == SENT
    calls = loader.calls()
    assert calls[0] == ["map", "watched", [16, 16, 70000, 0]]
    assert "compile" not in {call[0] for call in calls} and ["load", "fim_one", KPROBE] in calls


def test_a_file_of_something_else_is_compiled_over(loader, tmp_path):
    (tmp_path / ("0" * 64)).write_text("what is this")
    os.chmod(str(tmp_path / ("0" * 64)), 0o600)
    assert loader()[2].kept is False
    assert loader()[2].kept is True


def test_one_hook_that_fails_leaves_the_others(loader):
    status, _, found = loader("attach:vfs_one")
    assert status == 0 and found.seen.count("probe") == 2
    assert found.failed == {("vfs_one", "fim_one"): "Failed to attach BPF to kprobe"}


@pytest.mark.parametrize("refuses, why", [
    ("compile", "Failed to compile BPF text"), ("load:fim_two", "load BPF program fim_two")])
def test_what_cannot_be_loaded_is_one_line(loader, refuses, why):
    with pytest.raises(KernelError) as told:
        loader(refuses, kept=None)
    assert str(told.value).startswith("fim: kernel 3.10: cannot load the programs: ")
    assert why in str(told.value) and "\n" not in str(told.value)


def test_without_bcc(loader, tmp_path, monkeypatch):
    """Another interpreter may have it."""
    (tmp_path / "bcc.py").write_text("raise ImportError('libbcc.so.0: cannot open shared object')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, complaint, found = loader()
    assert (status, found.bcc) == (bpf.NO_BCC, None) and "libbcc.so.0" in complaint


def test_nothing_of_the_callers_is_imported(loader, tmp_path, monkeypatch):
    """It runs as root; and it leaves nothing compiled in the package."""
    package = tmp_path / "fim"
    package.mkdir()
    for name in ("loader.py", "compiled.py"):
        shutil.copy(os.path.join(os.path.dirname(bpf.LOADER), name), str(package / name))
    (tmp_path / "bcc.py").write_text("open(%r, 'w')" % str(tmp_path / "ran"))
    monkeypatch.setattr(bpf, "LOADER", str(package / "loader.py"))
    monkeypatch.setattr(bpf, "ALONE", needs.ALONE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(str(tmp_path))
    with contextlib.suppress(KernelError):   # this host's own bcc, if there is one, complains
        loader()
    assert not (tmp_path / "ran").exists()
    assert sorted(os.listdir(str(package))) == ["compiled.py", "loader.py"]
