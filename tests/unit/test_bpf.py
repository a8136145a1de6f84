"""What is wrong with a host is said in one line, with the mend, before or while loading."""

import os
import sys

import pytest

from fim import bpf, needs, rights
from fim.conditions import of_kernel
from fim.diagnosis import BLIND
from fim.errors import KernelError
from fim.kernel import Kernel, header_release


@pytest.fixture(autouse=True)
def root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(rights, "refusal", lambda: None)


def kernel(**facts):
    return Kernel(**dict(dict(release="5.5", symbols=(), headers=(), header_path="/headers",
                              kprobe_pmu=True), **facts))


def complaint(facts):
    with pytest.raises(KernelError) as caught:
        bpf.check(facts)
    text = str(caught.value)
    assert text.startswith("fim: ") and "\n" not in text
    return text


def interpreter(directory, script):
    path = directory / "python"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


def load(monkeypatch, directory, script):
    """What is said when the only interpreter does `script`."""
    monkeypatch.setattr(sys, "executable", interpreter(directory, script))
    monkeypatch.setattr(needs, "INTERPRETERS", ())
    with pytest.raises(KernelError) as caught:
        bpf.run_loader({"release": "5.5"}, bpf.Attachment(kernel(), 1))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_well():
    bpf.check(kernel(built_for="5.5"))


def test_not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in complaint(kernel())


def test_no_kprobes():
    assert "kprobes" in complaint(kernel(kprobe_pmu=False))


def test_no_headers():
    assert "/lib/modules/5.5/build" in complaint(kernel(header_path=None))


def test_headers_of_another_build():
    text = complaint(kernel(built_for="5.4"))
    assert "5.4" in text and "5.5" in text and "install" in text


def test_doctor_finds_them_too():
    def blind(facts):
        return [finding.what for finding in of_kernel(facts) if finding.state == BLIND]
    some = ("vfs_read",)
    assert blind(kernel(symbols=some)) == []
    assert blind(kernel(symbols=some, built_for="5.4")) == ["headers"]
    assert blind(kernel(header_path=None, kprobe_pmu=False)) == ["kprobes", "headers", "symbols"]


def test_release_of_headers(tmp_path):
    generated = tmp_path / "build" / "include" / "generated"
    generated.mkdir(parents=True)
    (generated / "utsrelease.h").write_text('#define UTS_RELEASE "3.10.0-1062.el7.x86_64"\n')
    assert header_release(str(tmp_path / "build")) == "3.10.0-1062.el7.x86_64"
    assert header_release(str(tmp_path / "none")) is None


def test_no_bcc(monkeypatch, tmp_path):
    text = load(monkeypatch, tmp_path, "echo No module named bcc >&2; exit 3\n")
    assert "bcc" in text and "install" in text


def test_a_bcc_of_the_callers_is_not_run(monkeypatch, tmp_path):
    """Of the directory or the environment of who asks: fim doctor runs as root."""
    monkeypatch.setattr(needs, "interpreters", lambda: [sys.executable])
    (tmp_path / "bcc.py").write_text("open(%r, 'w')" % str(tmp_path / "ran"))
    monkeypatch.chdir(str(tmp_path))
    needs.bcc_version()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    needs.bcc_version()
    assert not (tmp_path / "ran").exists()


def test_loader_dies(monkeypatch, tmp_path):
    text = load(monkeypatch, tmp_path, "echo first >&2; echo out of memory >&2; kill -9 $$\n")
    assert "out of memory" in text and "-9" in text


def test_compiler_complains(monkeypatch, tmp_path):
    script = ("echo \"bpf_c/x.c:3:1: error: unknown type name 'x'\" >&2\n"
              "%s -c 'import socket, sys; socket.fromfd(int(sys.argv[1]), socket.AF_UNIX, "
              "socket.SOCK_SEQPACKET).send(b\"{\\\"error\\\": \\\"failed\\\"}\")' $3\n" % sys.executable)
    text = load(monkeypatch, tmp_path, script)
    assert "bpf_c/x.c:3:1" in text and "5.5" in text


def test_ctrl_c_is_not_for_the_loader(monkeypatch, tmp_path):
    """It is of another session, and what is thrown here ends it."""
    text = load(monkeypatch, tmp_path, "cut -d' ' -f6 /proc/$$/stat >&2; exit 1\n")
    assert text.rpartition(" ")[2].isdigit() and text.rpartition(" ")[2] != str(os.getsid(0))

    def receive(*unused):
        raise KeyboardInterrupt
    monkeypatch.setattr(bpf, "receive", receive)
    with pytest.raises(KeyboardInterrupt):
        bpf.run_one(interpreter(tmp_path, "exec sleep 1000\n"), {}, bpf.Attachment(kernel(), 1))
