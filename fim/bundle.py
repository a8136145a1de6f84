"""What somebody far away needs to help: facts, findings, coverage and logs; no file's content.

Where the service writes records to its output, or to the journal, they are under its unit, too:
with differences of files and arguments of processes. Of the unit's log only what fim complains
of is taken, and what systemd says of it.
"""

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

KERNEL_LINE = re.compile(r".*(bpf|kprobe|ftrace|perf:|lockdown|apparmor|selinux|avc:|fim)", re.I)
UNIT_LINE = re.compile(r"\S+ \S+ (systemd\[1\]: |[^ :]+: (fim: |Traceback |  File |"
                       r"[\w.]+(Error|Exception)\b))")
LINES = 1000
UNIT = ["_SYSTEMD_UNIT=fim.service", "_TRANSPORT=stdout", "+", "_PID=1", "UNIT=fim.service"]
LOGS = (("kernel.log", KERNEL_LINE, ["dmesg"]),
        ("unit.log", UNIT_LINE, ["journalctl", "--no-pager", "-q", "-o", "short-iso", "-n", str(LINES)]
         + UNIT))


def log(wanted, command):
    """The lines of a log that are wanted; why not, where it cannot be read."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except OSError as error:
        return "%s: %s\n" % (command[0], error.strerror)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    said = done.stderr.decode("utf-8", "replace")
    return ("".join(line + "\n" for line in lines if wanted.match(line)) + said)[-1 << 20:]


def contents(facts, examination):
    """(name, text) of each member."""
    yield "facts.json", json.dumps(facts, indent=1)
    yield "findings.json", json.dumps([finding.as_dict() for finding in examination.findings],
                                      indent=1)
    yield "coverage.json", json.dumps(examination.coverage, indent=1)
    if examination.trial:
        yield "ways.json", json.dumps(examination.trial.cells, indent=1)
    for name, wanted, command in LOGS:
        yield name, log(wanted, command)


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
