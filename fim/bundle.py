"""What somebody far away needs to help: facts, findings, coverage and logs; no file's content."""

import io
import json
import os
import re
import stat
import subprocess
import tarfile
import tempfile
import time

__all__ = ["write"]

LOG = re.compile(r"bpf|kprobe|ftrace|perf:|lockdown|apparmor|selinux|avc:|fim", re.I)
LINES = 1000
LOGS = (("kernel.log", ["dmesg"]),
        ("unit.log", ["journalctl", "--no-pager", "-u", "fim", "-n", str(LINES)]))


def log(command):
    """The lines of a log that are about what fim uses; why not, where it cannot be read."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except OSError as error:
        return "%s: %s\n" % (command[0], error.strerror)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return "".join(line + "\n" for line in lines if LOG.search(line) or done.returncode)[-1 << 20:]


def contents(facts, examination):
    """(name, text) of each member."""
    yield "facts.json", json.dumps(facts, indent=1)
    yield "findings.json", json.dumps([finding.as_dict() for finding in examination.findings],
                                      indent=1)
    yield "coverage.json", json.dumps(examination.coverage, indent=1)
    if examination.trial:
        yield "ways.json", json.dumps(examination.trial.cells, indent=1)
    for name, command in LOGS:
        yield name, log(command)


def pack(file, facts, examination):
    """The archive, into an open file."""
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in contents(facts, examination):
            data = text.encode("utf-8")
            member = tarfile.TarInfo("fim-doctor/" + name)
            member.size, member.mtime, member.mode = len(data), int(time.time()), 0o600
            archive.addfile(member, io.BytesIO(data))


def write(path, facts, examination):
    """A tar.gz of mode 0600, there whole or not at all, in the place of a file alone. OSError."""
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(0, "it is there, and no regular file")
    directory = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".fim-doctor-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            pack(file, facts, examination)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
