"""What the doctor makes of a host, on trees of files as the kernel has them."""

import json
import os
import subprocess
import tarfile

import pytest

from fim import bundle, conditions, kernel_facts, needs, rights
from fim.diagnosis import BLIND, DEGRADED, OK, Finding, status
from fim.kernel import Kernel
from fim.switches import SWITCHES

ALL = "CapEff:\t000001ffffffffff\n"


@pytest.fixture
def host(tmp_path):
    """Files of another root: host(path, text)."""
    def write(path, text):
        there = tmp_path / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
        return str(tmp_path)
    write("/proc/self/status", ALL)
    return write


def test_lockdown(host):
    root = host("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    assert rights.refusal(root) is None
    assert conditions.lockdown(root).answer == "integrity"
    root = host("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n")
    assert "lockdown=integrity" in rights.refusal(root)
    assert conditions.may_load(root).state == BLIND


@pytest.mark.parametrize("bits, vital, worse", [
    ("000001ffffffffff", False, False),
    ("000001ffffdfffff", False, False),         # no CAP_SYS_ADMIN, but BPF and PERFMON
    ("0000003fffdfffff", True, False),          # none of the three
    ("000000c000000000", False, True),          # only those two
    ("0000000000000000", True, True)])
def test_capabilities(host, bits, vital, worse):
    root = host("/proc/self/status", "Name:\tx\nCapEff:\t%s\n" % bits)
    assert bool(rights.refusal(root)) == vital
    assert conditions.capabilities(root).state == (DEGRADED if vital or worse else OK)


@pytest.mark.parametrize("row", SWITCHES, ids=[row.name for row in SWITCHES])
def test_switches(host, row):
    assert conditions.switch("/nosuch", row).answer == "not known"
    assert conditions.switch(host(row.path, "1\n"), row).state == OK
    found = conditions.switch(host(row.path, "0\n"), row)
    assert found.state == BLIND and row.mend in found.answer


DENIED = ('type=AVC msg=audit(1.2:3): avc:  denied  { %s } for  pid=9 comm="%s" scontext=s:r:fim_t:s0 '
          'tcontext=s:r:fim_t:s0 tclass=%s permissive=0\n')
OURS = [DENIED % row for row in (
    ("prog_load", "python2.7", "bpf"), ("map_create", "platform-python", "bpf"),
    ("open", "python3", "perf_event"), ("map_read", "fim", "bpf"))]
THEIRS = [DENIED % row for row in (("read", "python3", "file"), ("prog_load", "bpftrace", "bpf"))]


def test_selinux(host):
    """What is counted is what the mend finds: most of it the loader's, by its interpreter's name."""
    root = host("/var/log/audit/audit.log", "".join(OURS + THEIRS) + "type=SYSCALL\n")
    assert conditions.selinux(root).answer == "none"
    root = host("/sys/fs/selinux/enforce", "0")
    assert conditions.selinux(root).answer == "permissive"
    root = host("/sys/fs/selinux/enforce", "1")
    found = conditions.selinux(root)
    assert found.state == DEGRADED and "4 denials" in found.answer
    mend = found.answer.partition(": ")[2].replace("ausearch -m avc --raw",
                                                   "cat %s/var/log/audit/audit.log" % root)
    piped = mend.partition(" | audit2allow -M fim && semodule -i fim.pp")[0]
    assert subprocess.check_output(["sh", "-c", piped]).decode() == "".join(OURS)


def test_every_finding_is_one_line(host):
    root = host("/proc/sys/crypto/fips_enabled", "1\n")
    for finding in conditions.of_host(root):
        assert finding.answer and "\n" not in finding.text()
        assert set(finding.as_dict()) == {"what", "state", "answer"}


def test_status_is_the_worst():
    assert status([Finding(OK, "a", ""), Finding(DEGRADED, "b", ""), Finding(OK, "c", "")]) == DEGRADED


@pytest.mark.parametrize("release_file, bcc, headers", [
    ("ID=debian\n", "python3-bpfcc", "linux-headers-6.1.0"),
    ("ID=ubuntu\nID_LIKE=debian\n", "python3-bpfcc", "linux-headers-6.1.0"),
    ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "python3-bcc", "kernel-devel-6.1.0"),
    ('ID="sles"\nID_LIKE="suse"\n', "python3-bcc", "kernel-default-devel")])
def test_packages_by_distribution(host, release_file, bcc, headers):
    root = host("/etc/os-release", release_file)
    assert (needs.bcc_package(root), needs.header_package("6.1.0", root)) == (bcc, headers)


def test_packages_of_rhel_7(host):
    host("/etc/redhat-release", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n")
    root = host("/usr/bin/python2.7", "")
    assert needs.bcc_package(root) == "python-bcc"
    assert needs.header_package("3.10.0-1160.el7.x86_64", root) == "kernel-devel-3.10.0-1160.el7.x86_64"


def kernel(**facts):
    return Kernel(**dict(dict(release="5.5", symbols={"vfs_read", "d_move.part.0"}, headers=(),
                              header_path="/headers", kprobe_pmu=True), **facts))


def test_missing_packages(monkeypatch):
    monkeypatch.setattr(needs, "bcc_version", lambda: ("python3", "0.26"))
    assert needs.missing(kernel(built_for="5.5")) == []
    assert needs.missing(kernel(built_for="5.4")) == [needs.header_package("5.5")]
    monkeypatch.setattr(needs, "bcc_version", lambda: None)
    assert needs.missing(kernel(header_path=None)) == [needs.bcc_package(), needs.header_package("5.5")]


def test_parts_are_not_the_function():
    assert kernel().has("vfs_read") and not kernel().has("d_move")
    assert kernel().parts("d_move") == ["d_move.part.0"]


def test_facts_there_and_back():
    some = kernel(symbols={"security_inode_create", "vfs_read", "nothing_of_ours"},
                  headers={"FIM_HAS_AIO_H"}, built_for="5.5", traceable={"vfs_read"})
    found = kernel_facts.of_record(json.loads(json.dumps(kernel_facts.record(some, "0"))))
    assert found.symbols == {"security_inode_create", "vfs_read"}
    assert (found.traceable, found.headers, found.built_for) == ({"vfs_read"}, some.headers, "5.5")


class Found:
    """What an examination found."""

    findings, coverage, trial = [Finding(OK, "kernel", "5.5")], {}, None


def test_bundle(tmp_path):
    path = str(tmp_path / "b.tgz")
    bundle.write(path, {"origin": {}}, Found)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = archive.getnames()
        findings = json.loads(archive.extractfile("fim-doctor/findings.json").read().decode())
    assert findings == [{"what": "kernel", "state": "ok", "answer": "5.5"}]
    assert sorted(names) == ["fim-doctor/" + name for name in (
        "coverage.json", "facts.json", "findings.json", "kernel.log", "unit.log")]


STAMP = "2026-11-23T10:00:00+0000 host "
SAID = [STAMP + text for text in (
    "fim[612]: fim: blind: kernel 5.5: no headers", "systemd[1]: fim.service: watchdog timeout",
    "fim[612]: Traceback (most recent call last):", "fim[612]:   File \"x.py\", line 1, in run",
    "fim[612]: KeyError: 'seq'")]
RECORDS = [STAMP + "fim[612]: " + text for text in (
    '{"v":1,"kind":"finding","diff":"-db_password=old\\n+db_password=hunter2"}',
    '{"@timestamp":"2026-11-23T10:00:00Z","process":{"args":["curl","-u","bob:hunter2"]}}',
    '{"activity_id":1,"actor":{"process":{"cmd_line":"curl -u bob:hunter2"}}}',
    "10:00:00.000 modify  /etc/fim: x  by root  /usr/bin/curl[9]  $ curl -u bob:hunter2")]


def test_no_record_is_in_a_bundle(tmp_path, monkeypatch):
    """Which a service that writes them to its output has under its unit; and who asks is told
    where there is no journal."""
    (tmp_path / "lines").write_text("\n".join(RECORDS + SAID) + "\n")
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho \"$@\" >%s/asked\ncat %s/lines\n"
                                         "echo no journal >&2; exit 1\n" % (tmp_path, tmp_path))
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    said = next(bundle.log(*row[1:]) for row in bundle.LOGS if row[0] == "unit.log")
    assert said.splitlines() == SAID + ["no journal"]
    # What --sink journald: sends comes by another transport.
    assert "_SYSTEMD_UNIT=fim.service _TRANSPORT=stdout" in (tmp_path / "asked").read_text()


def test_a_bundle_is_put_in_the_place_of_a_file_alone(tmp_path):
    """Not of a pipe, nor through a link; nothing is left where it could not be written."""
    path, other = tmp_path / "b.tgz", tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "b.tgz.new").symlink_to(other)
    path.write_text("the one before")
    bundle.write(str(path), {"origin": {}}, Found)
    assert tarfile.is_tarfile(str(path)) and other.read_text() == "mine"
    before = sorted(os.listdir(str(tmp_path)))
    with pytest.raises(TypeError):
        bundle.write(str(path), {"origin": object()}, Found)
    assert sorted(os.listdir(str(tmp_path))) == before and tarfile.is_tarfile(str(path))
    path.unlink()
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink(str(other), path)):
        make(str(path))
        kind = os.lstat(str(path)).st_mode
        with pytest.raises(OSError, match="no regular file"):
            bundle.write(str(path), {"origin": {}}, Found)
        assert os.lstat(str(path)).st_mode == kind and other.read_text() == "mine"
        os.rename(str(path), str(path) + str(kind))


def test_installed_kernel(tmp_path, monkeypatch):
    from fim import kernel as module
    (tmp_path / "System.map-5.5").write_text("ffff T vfs_read\nffff D data\n")
    monkeypatch.setattr(module, "SYSTEM_MAPS", (str(tmp_path / "none-%s"), str(tmp_path / "System.map-%s")))
    found = Kernel.installed("5.5")
    assert found.symbols == {"vfs_read"} and found.header_path is None
    assert [finding.state for finding in conditions.of_kernel(found)] == [OK, BLIND, DEGRADED]
